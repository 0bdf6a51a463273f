export { createFanotifyGroup, openFuseDevice } from '@lade/linux';
export { createJournal } from './journal.ts';
export type { FileRead, OnDemandFile, OnDemandFiles } from './on-demand-files.ts';
export { openFanotifyFiles, type FanotifyFilesOptions } from './open-fanotify-files.ts';
export { openFuseFiles, type FuseFilesOptions } from './open-fuse-files.ts';
export type { OnStep, Step } from './step.ts';
