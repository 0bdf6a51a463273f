import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ContainerdClient, type SnapshotsClient } from '@lade/containerd-client';
import { programIn } from '@lade/debian';
import { LAYER_FILES } from '@lade/layers';
import { mount } from '@lade/linux';
import { chainIds, type Digest } from '@lade/oci';
import { compareTrees, startOrigin, unmountBelow, unpackSet } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { CACHE } from './programs.ts';
import { Testbed, needsRoot, readImage } from './testbed.ts';

/*
 * What containerd's own differ unpacks for overlayfs, and what Lade mounts, are the same trees: names, types, modes,
 * owners, modification times, extended attributes, link counts, contents. (EROFS has no access times.)
 */
const CASES = [
  { version: '2.1', images: ['odd', 'python', 'small-files', 'big-file'] },
  { version: '1.7', images: ['odd'] },
] as const;

for (const { version, images } of CASES) {
  test(`trees on containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const node = await bed.node('node', await bed.bucket('directory'), version);

    for (const name of images) {
      await t.test(`${name} is the same tree with overlayfs and with Lade`, async () => {
        const image = await bed.image(name);
        await using origin = await startOrigin([image.layout]);
        const unpackedFrom = BigInt(Date.now()) * NS_PER_MS;
        for (const snapshotter of SNAPSHOTTERS)
          await node.containerd.pull(`${origin.address}/${image.name}`, { snapshotter });
        const chains = chainIds((await readImage(image)).diffIds);
        // Only the odd image takes away again what a layer below had.
        for (const chain of name === 'odd' ? chains : chains.slice(-1))
          assert.deepEqual(await compareSnapshots(node, chain, join(bed.folder, 'views'), unpackedFrom), []);
      });
    }

    await t.test('fsck.erofs accepts every metadata image, and reads all data', async () => {
      const { folder } = await unpackSet('erofs-utils', { cacheFolder: CACHE });
      const { command, args } = await programIn(folder, 'usr/bin/fsck.erofs');
      const layers = join(node.root, 'layers');
      const diffIds = await readdir(layers);
      assert.ok(diffIds.length > images.length);
      for (const diffId of diffIds) {
        const [metadata, blob] = [LAYER_FILES.metadata, LAYER_FILES.blob].map((file) =>
          join(layers, diffId, file),
        );
        // It ends with 0 whatever it finds, and says that it found nothing only when asked for more.
        const check = [...args, '-d3', '--extract', `--device=${blob}`, metadata ?? ''];
        const said = Object.values(await promisify(execFile)(command, check)).join('');
        assert.match(said, /No errors found/, diffId);
        assert.doesNotMatch(said, /<[EW]>/, diffId);
      }
    });
  });
}

const SNAPSHOTTERS = ['overlayfs', 'lade'] as const;
const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** The differences between the two snapshots of a chain, mounted below `folder`, without those that are undecidable. */
async function compareSnapshots(
  { containerd }: LadeNode,
  chain: Digest,
  folder: string,
  unpackedFrom: bigint,
): Promise<string[]> {
  using client = ContainerdClient.open({ address: containerd.address });
  return await client.withLease(async (leased) => {
    await using views = new AsyncDisposableStack();
    const trees = SNAPSHOTTERS.map((snapshotter) => join(folder, snapshotter));
    for (const [i, snapshotter] of SNAPSHOTTERS.entries())
      views.use(await mountView(leased.snapshots(snapshotter), chain, trees[i] ?? ''));
    const [expected = '', actual = ''] = trees;
    const differences: string[] = [];
    for (const difference of await compareTrees(expected, actual))
      if (!(await isUndecidable(difference, expected, unpackedFrom))) differences.push(difference);
    return differences;
  });
}

async function mountView(
  snapshots: SnapshotsClient,
  parent: string,
  target: string,
): Promise<AsyncDisposable> {
  const key = `view-of-${parent}`;
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
 * A directory that a layer adds to without an entry for it has, from containerd's differ, the time of unpacking: another
 * one each time. With Lade it has the time that it has in the layers below, or else the epoch. Of `difference`, a line of
 * compareTrees, exactly this is excused: a directory's mtime since `unpackedFrom` (ns) in `expected`, and not in the other.
 */
async function isUndecidable(difference: string, expected: string, unpackedFrom: bigint): Promise<boolean> {
  const [, path, ...times] = /^(.*): mtime (\d+)\.(\d{9}) \| (\d+)\.(\d{9})$/s.exec(difference) ?? [];
  if (path === undefined) return false;
  const [seconds = 0n, nanoseconds = 0n, ladeSeconds = 0n, ladeNanoseconds = 0n] = times.map(BigInt);
  const time = seconds * NS_PER_SECOND + nanoseconds;
  const ladeTime = ladeSeconds * NS_PER_SECOND + ladeNanoseconds;
  const isOfUnpacking = time >= unpackedFrom && time <= BigInt(Date.now()) * NS_PER_MS;
  if (!isOfUnpacking || ladeTime >= unpackedFrom) return false;
  return (await lstat(Buffer.from(`${expected}/${path}`, 'latin1'))).isDirectory();
}
