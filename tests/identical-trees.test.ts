import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ContainerdClient } from '@lade/containerd-client';
import { programIn } from '@lade/debian';
import { LAYER_FILES } from '@lade/layers';
import { chainIds, hexOf, type Digest } from '@lade/oci';
import { startOrigin, unpackSet } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { layersOf } from './on-demand-site.ts';
import { CACHE } from './programs.ts';
import { compareWithUnpacked, mountView } from './snapshot-views.ts';
import { Testbed, needsRoot, readImage } from './testbed.ts';

/*
 * What containerd's own differ unpacks for overlayfs, and what Lade mounts, are the same trees: names, types, modes,
 * owners, modification times, extended attributes, link counts, contents. (EROFS has no access times.)
 */
const CASES = [
  { version: '2.1', bucket: 'directory', image: 'odd' },
  { version: '2.1', bucket: 'directory', image: 'python' },
  { version: '2.1', bucket: 'directory', image: 'small-files' },
  { version: '2.1', bucket: 'directory', image: 'big-file' },
  { version: '1.7', bucket: 'OBS', image: 'odd' },
] as const;

for (const { version, bucket, image: name } of CASES) {
  test(`the trees of ${name} on containerd ${version}, ${bucket} bucket`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const bucketUrl = await bed.bucket(bucket);
    const node = await bed.node('node', bucketUrl, version);
    const image = await bed.image(name);
    await using origin = await startOrigin([image.layout]);
    const reference = `${origin.address}/${image.name}`;
    const { diffIds } = await readImage(image);
    const chains = chainIds(diffIds);

    await t.test('it is the same with overlayfs and with Lade', async () => {
      const unpackedFrom = new Date();
      for (const snapshotter of SNAPSHOTTERS) await node.containerd.pull(reference, { snapshotter });
      // Only the odd image takes away again what a layer below had.
      for (const chain of name === 'odd' ? chains : chains.slice(-1))
        assert.deepEqual(await compareSnapshots(node, chain, join(bed.folder, 'views'), unpackedFrom), []);
    });

    if (name === 'odd')
      await t.test('it is the same on a node that has it from the bucket', async () => {
        await node.publishes(reference);
        await node.uploaded();
        const second = await bed.node('second', bucketUrl, version);
        const unpackedFrom = new Date();
        await second.containerd.pull(reference, { snapshotter: 'overlayfs' });
        await second.ladeOrThrow('pull', reference);
        for (const { origin: from } of await layersOf(second)) assert.equal(from, 'fetched');
        for (const chain of chains)
          assert.deepEqual(
            await compareSnapshots(second, chain, join(bed.folder, 'views'), unpackedFrom),
            [],
          );
      });

    await t.test('fsck.erofs accepts every metadata image, and reads all data', async () => {
      const found = await readdir(join(node.root, 'layers'));
      assert.deepEqual(new Set(found), new Set(diffIds.map(hexOf)));
      for (const layer of found) await checkLayer(join(node.root, 'layers', layer));
    });
  });
}

async function checkLayer(layer: string): Promise<void> {
  const { folder } = await unpackSet('erofs-utils', { cacheFolder: CACHE });
  const { command, args } = await programIn(folder, 'usr/bin/fsck.erofs');
  const [metadata, blob] = [LAYER_FILES.metadata, LAYER_FILES.blob].map((file) => join(layer, file));
  // It ends with 0 whatever it finds, and says that it found nothing only when asked for more.
  const check = [...args, '-d3', '--extract', `--device=${blob}`, metadata ?? ''];
  const said = Object.values(await promisify(execFile)(command, check)).join('');
  assert.match(said, /No errors found/, layer);
  assert.doesNotMatch(said, /<[EW]>/, layer);
}

const SNAPSHOTTERS = ['overlayfs', 'lade'] as const;
/** The differences between the two snapshots of a chain, mounted below `folder`, without those that are undecidable. */
async function compareSnapshots(
  { containerd }: LadeNode,
  chain: Digest,
  folder: string,
  unpackedFrom: Date,
): Promise<string[]> {
  using client = ContainerdClient.open({ address: containerd.address });
  return await client.withLease(async (leased) => {
    await using views = new AsyncDisposableStack();
    const [expected, actual] = SNAPSHOTTERS.map((snapshotter) => join(folder, snapshotter)) as [
      string,
      string,
    ];
    for (const [i, target] of [expected, actual].entries())
      views.use(await mountView(leased.snapshots(SNAPSHOTTERS[i] ?? ''), chain, target));
    return await compareWithUnpacked(expected, actual, unpackedFrom);
  });
}
