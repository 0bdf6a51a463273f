import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programIn } from '@lade/debian';
import { unpackSet, type PackageSetName } from '@lade/sandbox';
import { compileSuites } from './upstream/compile-suites.ts';

export const CACHE = process.env['LADE_CACHE'] ?? join(import.meta.dirname, '../.cache');

/**
 * Unpacks the programs of others that tests run against, into the cache, and returns the variables by which the tests
 * of single units find them.
 */
export async function installPrograms(log: (line: string) => void): Promise<NodeJS.ProcessEnv> {
  const unpack = async (name: PackageSetName): Promise<string> =>
    (await unpackSet(name, { cacheFolder: CACHE, log })).folder;
  const containerd = await unpack('containerd-2.1');
  await unpack('containerd-1.7');
  await unpack('containerd-1.6');
  const runc = await unpack('runc');
  await unpack('moto');
  await unpack('docker-registry');
  await unpack('radosgw');
  await unpack('chromium');
  await unpack('prometheus');
  const erofsUtils = await wrapPrograms(await unpack('erofs-utils'), ['fsck.erofs', 'dump.erofs']);
  const suites = await compileSuites(CACHE, log);
  return {
    LADE_CACHE: CACHE,
    LADE_UPSTREAM_SUITES: suites,
    LADE_CONTAINERD: join(containerd, 'usr'),
    LADE_RUNC: join(runc, 'usr'),
    LADE_EROFS_UTILS: erofsUtils,
  };
}

/** A folder with `bin/<program>`, each a script that runs the unpacked program with the libraries it came with. */
async function wrapPrograms(folder: string, names: readonly string[]): Promise<string> {
  const wrapped = join(folder, '.wrapped');
  await mkdir(join(wrapped, 'bin'), { recursive: true });
  for (const name of names) {
    const { command, args } = await programIn(folder, `usr/bin/${name}`);
    const path = join(wrapped, 'bin', name);
    const words = [command, ...args].map((word) => `'${word}'`).join(' ');
    await writeFile(path, `#!/bin/sh\nexec ${words} "$@"\n`);
    await chmod(path, 0o755);
  }
  return wrapped;
}
