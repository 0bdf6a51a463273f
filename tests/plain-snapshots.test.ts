import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerdClient, type Mount } from '@lade/containerd-client';
import { configureContainerd } from '@lade/containerd-config';
import type { ImageSummary, LayerSummary } from '@lade/control-protocol';
import { MEDIA_TYPES, chainIds, digestOf, type Digest } from '@lade/oci';
import { startOrigin } from '@lade/sandbox';
import { fromBytes } from '@lade/streams';
import type { LadeNode } from '@lade/tour';
import { encodeTar } from './broken-layers.ts';
import { assertNodeEmpty, countPlainSnapshots } from './node-state.ts';
import { ANSWER, SPEAK, buildSpeaker } from './small-images.ts';
import { compareWithUnpacked, mountView } from './snapshot-views.ts';
import { Testbed, inSteps, needsRoot, readImage, waitUntil } from './testbed.ts';

/*
 * containerd 1.6 has its own differ unpack every layer: into directories at first, which later become layers.
 */
test('what containerd unpacks as files becomes layers', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const step = inSteps(t);
  const image = await bed.image('odd');
  const small = await buildSpeaker(bed.folder);
  const { diffIds, layers } = await readImage(image);
  const chains = chainIds(diffIds);
  await using origin = await startOrigin([image.layout, small.layout]);
  const reference = `${origin.address}/${image.name}`;
  const node = await bed.node('node', await bed.bucket('directory'), '1.6');
  using client = ContainerdClient.open({ address: node.containerd.address });
  const leased = client.underLease((await client.leases.create({ id: 'of-this-test' })).id);
  const snapshots = leased.snapshots('lade');
  const unpackedFrom = new Date();
  await using views = new AsyncDisposableStack();
  const holds: string[] = [];
  // As a pull does that unpacks a layer, for half a minute at most.
  const hold = async (): Promise<void> => {
    const key = `extract-${holds.length}-hold ${digestOf('hold')}`;
    await snapshots.prepare(key);
    holds.push(key);
  };
  const viewsOf = async (folder: string): Promise<string[]> => {
    const targets = PLACES.map((i) => join(bed.folder, folder, String(i)));
    for (const [i, target] of targets.entries())
      views.use(await mountView(snapshots, chains[PLACES[i] ?? 0] ?? '', target));
    return targets;
  };
  let plain: readonly string[] = [];
  let plainDirectories: readonly string[] = [];

  await step('they can be mounted at once, and stay files while a pull is going on', async () => {
    await hold();
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    await hold();
    plain = await viewsOf('plain');
    plainDirectories = directoriesOf(await snapshots.mounts(`view-${plain.at(-1)}`));
    assert.equal(plainDirectories.length, diffIds.length);
    // Longer than the conversion of any of them takes.
    await sleep(2_000);
    assert.equal(await countPlainSnapshots(node), diffIds.length);
    await hold();
  });

  await step('a daemon that starts turns them into layers', async () => {
    await node.killDaemon();
    await node.startDaemon();
    assert.equal(await countPlainSnapshots(node), diffIds.length);
    for (const [i, key] of holds.entries()) await snapshots.commit(`was-held-${i}`, key);
    await waitUntil('all are layers', async () => (await countPlainSnapshots(node)) === 0);
    const converted = await listLayers(node);
    assert.deepEqual(converted.map(({ diffId }) => diffId).sort(), diffIds.toSorted());
    assert.deepEqual(new Set(converted.map((layer) => layer.origin)), new Set(['converted']));
  });

  await step('a layer is the tree that containerd has unpacked, on its own and in its place', async () => {
    const lade = await viewsOf('lade');
    for (const [i, target] of lade.entries())
      assert.deepEqual(await compareWithUnpacked(plain[i] ?? '', target, unpackedFrom), [], `${i}`);
    const mounts = await snapshots.mounts(`view-${lade.at(-1)}`);
    const trees = directoriesOf(mounts).filter((path) => path.startsWith(join(node.root, 'mounts')));
    assert.equal(trees.length, diffIds.length);
    for (const [i, layer] of trees.entries())
      assert.deepEqual(
        (await compareWithUnpacked(plainDirectories[i] ?? '', layer, unpackedFrom)).filter(isOfLayerAlone),
        [],
      );
  });

  await step('containers use them, and the bucket has them', async () => {
    assert.equal(await node.run(reference, 'cat', '/odd/comes-back'), 'after');
    await node.publishes(reference);
    await node.uploaded();
    await node.ladeOrThrow('verify', reference);
  });

  const commit = async (chain: Digest, blob: Digest): Promise<void> => {
    await snapshots.prepare(`of-${chain}`);
    const labels = { 'containerd.io/snapshot/cri.layer-digest': blob };
    await snapshots.commit(chain, `of-${chain}`, { labels });
  };

  await step('a label that names the blob does without an image', async () => {
    const tar = encodeTar({ path: 'file', kind: 'file', content: Buffer.from('content') });
    const diffId = digestOf(tar);
    const blob = { mediaType: MEDIA_TYPES.layer, digest: diffId, size: tar.byteLength };
    await leased.content.put(blob, fromBytes(tar));
    await commit(diffId, diffId);
    await waitUntil('it is a layer', async () => (await listLayers(node)).some((it) => it.diffId === diffId));
    assert.equal(await countPlainSnapshots(node), 0);
  });

  await step('a blob that is another layer replaces nothing', async () => {
    const chain = digestOf('no layer at all');
    await commit(chain, layers[0] ?? chain);
    await waitUntil('the daemon has seen it', async () => (await logged(node, 'another layer')) === 1);
    assert.equal(await countPlainSnapshots(node), 1);
    await snapshots.remove(chain);
    await waitUntil('it is gone', async () => (await countPlainSnapshots(node)) === 0);
  });

  await step(
    'what has lost its blob stays as it is, is tried once, and keeps its image from the bucket',
    async () => {
      await hold();
      const name = `${origin.address}/${small.name}`;
      await node.containerd.pull(name, { snapshotter: 'lade' });
      await node.ctr('content', 'remove', (await readImage(small)).layers[0] ?? '');
      await node.stopDaemon();
      await node.startDaemon();
      await snapshots.commit('was-held-last', holds.at(-1) ?? '');
      await waitUntil('the layer above is one', async () => (await countPlainSnapshots(node)) === 1);
      assert.equal(await logged(node, 'no blob'), 1);
      await node.uploaded();
      assert.equal(await node.run(name, ...SPEAK), ANSWER);
      assert.equal(await logged(node, 'no blob'), 1);
      const images = JSON.parse(await node.ladeOrThrow('images', '--json')) as readonly ImageSummary[];
      assert.equal(images.find((it) => it.name === name)?.inBucket, false);
    },
  );

  await step('files and layers go with their images', async () => {
    await views.disposeAsync();
    await client.leases.delete('of-this-test', { sync: true });
    for (const name of [image.name, small.name])
      await node.ctr('images', 'remove', '--sync', `${origin.address}/${name}`);
    await waitUntil('the layers are gone', async () => (await listLayers(node)).length === 0);
    await assertNodeEmpty(node);
  });
});

test('a containerd 2.1 that keeps its own differ gets layers too', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const image = await buildSpeaker(bed.folder);
  await using origin = await startOrigin([image.layout]);
  const reference = `${origin.address}/${image.name}`;
  const [bucketUrl, containerdVersion] = [await bed.bucket('directory'), '2.1' as const];
  const node = await bed.nodeWith('node', {
    bucketUrl,
    containerdVersion,
    configure: async (snapshotter) =>
      configureContainerd({ version: containerdVersion, snapshotter })
        .replace('default = ["lade-diff", "walking"]', 'default = ["walking"]')
        .replace('differ = "lade-diff"', 'differ = "walking"'),
  });
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  assert.equal(await node.run(reference, ...SPEAK), ANSWER);
  await waitUntil('all are layers', async () => (await countPlainSnapshots(node)) === 0);
  const { diffIds } = await readImage(image);
  assert.deepEqual((await listLayers(node)).map(({ diffId }) => diffId).sort(), diffIds.toSorted());
  assert.equal(await logged(node, 'turned into a layer'), diffIds.length);
  await node.publishes(reference);
  const other = await bed.node('other', bucketUrl, containerdVersion);
  await other.ladeOrThrow('pull', reference);
  assert.equal(await other.run(reference, ...SPEAK), ANSWER);
});

/** Of the odd image's layers: the one that takes away what is below, and the top. */
const PLACES = [2, 4] as const;

/** What a view shows, top first. */
function directoriesOf(mounts: readonly Mount[]): string[] {
  const [{ type, source, options } = { type: '', source: '', options: [] }] = mounts;
  if (type === 'bind') return [source];
  return options
    .filter((option) => option.startsWith('lowerdir='))
    .flatMap((option) => option.slice('lowerdir='.length).split(':'));
}

/**
 * What a layer on its own need not share with the files that were unpacked above other layers: how its implied directories look,
 * which have it from below where they have a place, and when its whiteouts were made.
 */
function isOfLayerAlone(difference: string): boolean {
  return !EXCUSED.some((pattern) => pattern.test(difference));
}

const EXCUSED = [
  /^(?:odd|odd\/sticky|tmp): (?:mode|owner) /,
  /^odd\/xattr-folder: xattr /,
  /^odd\/(?:comes-back|gone-file|gone-folder|never-there): mtime \d+\.\d+ \| 0\.0+$/,
];

async function listLayers(node: LadeNode): Promise<LayerSummary[]> {
  return JSON.parse(await node.ladeOrThrow('layers', '--json')) as LayerSummary[];
}

/** How often the daemon has said something with this text. */
async function logged(node: LadeNode, text: string): Promise<number> {
  return (await readFile(node.logFile, 'utf8')).split(text).length - 1;
}
