import { lstat, mkdir } from 'node:fs/promises';
import type { SnapshotsClient } from '@lade/containerd-client';
import { mount } from '@lade/linux';
import { compareTrees, unmountBelow } from '@lade/sandbox';

const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** Mounts a view of a committed snapshot on `target`, and removes it again. */
export async function mountView(
  snapshots: SnapshotsClient,
  parent: string,
  target: string,
): Promise<AsyncDisposable> {
  const key = `view-${target}`;
  await mkdir(target, { recursive: true });
  for (const request of await snapshots.view(key, { parent })) await mount({ ...request, target });
  return {
    async [Symbol.asyncDispose]() {
      await unmountBelow(target);
      await snapshots.remove(key);
    },
  };
}

/**
 * The differences between what containerd's own differ has unpacked since `unpackedFrom`, and what Lade mounts. A directory
 * that a layer adds to without an entry for it has, from that differ, the time of unpacking: another one each time. With Lade
 * it has the time that it has in the layers below, or else the epoch. Exactly this is excused.
 */
export async function compareWithUnpacked(
  unpacked: string,
  lade: string,
  unpackedFrom: Date,
): Promise<string[]> {
  const differences: string[] = [];
  for (const difference of await compareTrees(unpacked, lade))
    if (!(await isUndecidable(difference, unpacked, unpackedFrom))) differences.push(difference);
  return differences;
}

/** Of a line of compareTrees(): a directory's mtime since `unpackedFrom` in `unpacked`, and not with Lade. */
async function isUndecidable(difference: string, unpacked: string, unpackedFrom: Date): Promise<boolean> {
  const [, path, ...times] = /^(.*): mtime (\d+)\.(\d{9}) \| (\d+)\.(\d{9})$/s.exec(difference) ?? [];
  if (path === undefined) return false;
  const [seconds = 0n, nanoseconds = 0n, ladeSeconds = 0n, ladeNanoseconds = 0n] = times.map(BigInt);
  const time = seconds * NS_PER_SECOND + nanoseconds;
  const ladeTime = ladeSeconds * NS_PER_SECOND + ladeNanoseconds;
  const from = BigInt(unpackedFrom.getTime()) * NS_PER_MS;
  const isOfUnpacking = time >= from && time <= BigInt(Date.now()) * NS_PER_MS;
  if (!isOfUnpacking || ladeTime >= from) return false;
  return (await lstat(Buffer.from(`${unpacked}/${path}`, 'latin1'))).isDirectory();
}
