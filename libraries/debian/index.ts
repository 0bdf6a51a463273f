export { downloadPackages, type DownloadedPackage } from './download-packages.ts';
export { holdLock } from './hold-lock.ts';
export { findMirror, type Mirror } from './mirror.ts';
export { programIn, type Program } from './program-in.ts';
export { resolveClosure, type ClosureOptions, type Package, type PackageRequest } from './resolve-closure.ts';
export { runProgram, type RunOptions } from './run-program.ts';
export { type DebianOptions, type SuiteName } from './suite.ts';
export { unpackPackages, type UnpackedPackages, type UnpackOptions } from './unpack-packages.ts';
