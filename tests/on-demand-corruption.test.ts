import assert from 'node:assert/strict';
import { cp, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import {
  LAYER_FILES,
  NO_CHAIN_KEYS,
  chainKey,
  indexKey,
  packKey,
  publishChain,
  readIndex,
  readMetadata,
  type Chunk,
  type LayerIndex,
} from '@lade/layers';
import { chainId, digestOf, type Digest } from '@lade/oci';
import { startOrigin, unmountBelow } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { encodeTar, gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { clearNode } from './node-state.ts';
import { noise } from './noise.ts';
import {
  LAZY_MODES,
  NO_BACKGROUND,
  View,
  Watch,
  assertFails,
  assertReads,
  layerFile,
  layersOf,
  publishElsewhere,
  readObject,
  statusOf,
} from './on-demand-site.ts';
import { Testbed, needsRoot } from './testbed.ts';

/*
 * Damage of every object in the bucket and of every file of a node, seen from a process that reads through the mount. It gets
 * the very bytes or EIO; the log names the damage, the counters count it, and a good copy takes its place where there is one.
 */
const LARGE_BYTES = 3_000_000;
const SEEDS = [1, 2, 3, 4] as const;
const LAYERS = SEEDS.map((seed) => gzipLayer(soundTar(seed, LARGE_BYTES)));
const [BOTTOM, ...UPPER] = LAYERS.map(({ diffId }) => diffId) as [Digest, ...Digest[]];
const CHAINS = UPPER.reduce((chains, diffId) => [...chains, chainId(chains.at(-1), diffId)], [BOTTOM]);
/** A layer with the large file of another one, and other small ones. */
const twinTar = (seed: number): Buffer =>
  encodeTar(
    { path: 'usr/other', kind: 'file', content: noise('other', 50_000) },
    { path: `usr/large-${seed}`, kind: 'file', content: noise(String(seed), LARGE_BYTES) },
  );
const TWIN_TAR = twinTar(1);
/** Where its blob has the large file: after the other one, in whole blocks. */
const TWIN_LARGE_AT = 13 * 4096;
const CHUNK_BYTES = 256 << 10;

interface Site extends AsyncDisposable {
  readonly bed: Testbed;
  readonly bucketUrl: string;
  readonly bucket: Bucket;
  readonly image: { readonly reference: string; readonly large: ReadonlyMap<number, number> };
  readonly twin: string;
}

/** A bucket with an image of four layers, and its twin, and a registry that has both. */
async function openSite(t: TestContext): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const bed = stack.use(await Testbed.open(t));
  const layout = await bed.makeFolder('layout');
  await writeLayout(layout, { 'app:latest': LAYERS, 'twin:latest': [gzipLayer(TWIN_TAR)] });
  const origin = stack.use(await startOrigin([layout]));
  const bucketUrl = await bed.bucket('directory');
  const bucket = stack.use(await openBucket(bucketUrl));
  const reference = `${origin.address}/app:latest`;
  const twin = `${origin.address}/twin:latest`;
  const publisher = await bed.node('publisher', bucketUrl, '2.1', ['--fill', 'full']);
  for (const name of [reference, twin]) {
    await publisher.containerd.pull(name, { snapshotter: 'lade' });
    await publisher.uploaded();
    await publisher.publishes(name);
  }
  const large = new Map(SEEDS.map((seed) => [seed, LARGE_BYTES] as const));
  const owned = stack.move();
  return {
    bed,
    bucketUrl,
    bucket,
    image: { reference, large },
    twin,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

let nodes = 0;

/** Nobody else's. */
function nameOf(mode: string): string {
  return `${mode}-${++nodes}`;
}

async function indexOf(bucket: Bucket, diffId: Digest): Promise<LayerIndex> {
  const index = await readIndex(bucket, diffId);
  assert.ok(index);
  return index;
}

type Change = (bytes: Buffer) => Uint8Array;

const flip =
  (at: number): Change =>
  (bytes) =>
    bytes.with(at, (bytes[at] ?? 0) ^ 0x20);

/** A chunk of the first layer's large file, and where its pack has it. */
interface PackedChunk {
  readonly range: readonly [offset: number, length: number];
  readonly hash: string;
  readonly key: string;
  readonly offset: number;
  readonly storedBytes: number;
}

function largeChunk({ chunks, packs }: LayerIndex, number: number): PackedChunk {
  const { hash, place } = chunks[number] as Chunk;
  assert.equal(place.kind, 'packed');
  const { pack, offset, storedBytes } = place as Chunk['place'] & { kind: 'packed' };
  return {
    range: [number * CHUNK_BYTES, 64 << 10],
    hash: Buffer.from(hash).toString('hex'),
    key: packKey(packs[pack]?.digest ?? BOTTOM),
    offset,
    storedBytes,
  };
}

for (const [damaged, testDamage] of [
  ['packs under a mount', testPacks],
  ['indexes and chain records', testRecords],
  ['files of a node', testFiles],
] as const)
  test(`damage of ${damaged}`, needsRoot, async (t) => {
    await using site = await openSite(t);
    for (const mode of LAZY_MODES) await t.test(`fill ${mode}`, async (t) => testDamage(t, site, mode));
  });

async function testPacks(t: TestContext, site: Site, mode: (typeof LAZY_MODES)[number]): Promise<void> {
  const { bed, bucket, image } = site;
  const index = await indexOf(bucket, BOTTOM);
  const { key } = largeChunk(index, 0);
  const pack = await readObject(bucket, key);
  const other = await readObject(bucket, largeChunk(await indexOf(bucket, UPPER[0] ?? BOTTOM), 0).key);
  await using node = await bed.node(nameOf(mode), site.bucketUrl, '2.1', ['--fill', mode, ...NO_BACKGROUND]);
  await node.ladeOrThrow('pull', image.reference);
  const damages: Readonly<Record<string, (chunk: PackedChunk) => Change | undefined>> = {
    'a flipped bit in a chunk': ({ offset, storedBytes }) => flip(offset + (storedBytes >> 1)),
    'a pack cut short':
      ({ offset }) =>
      (bytes) =>
        bytes.subarray(0, offset + 1000),
    'the pack of another layer': () => () => other,
    'an older pack, with the same chunks elsewhere': () => (bytes) =>
      Buffer.concat([bytes.subarray(100_000), bytes.subarray(0, 100_000)]),
    'a pack that is gone': () => undefined,
  };
  const damage = async (chunk: PackedChunk, change: Change | undefined): Promise<void> => {
    if (change) await bucket.put(key, change(pack));
    else await bucket.delete([chunk.key]);
  };
  const view = await View.open(bed, node, image);
  await using _ = view;

  for (const [i, [what, changeFor]] of Object.entries(damages).entries()) {
    await t.test(
      `${what}: its readers get EIO, others go on, and all is well when it is repaired`,
      async () => {
        const chunk = largeChunk(index, 2 * i + 1);
        const watch = await Watch.begin(node);
        await damage(chunk, changeFor(chunk));
        await assertFails(view.large(1), chunk.range);
        await assertReads(view.small(2, i));
        await watch.assertNames(chunk.key, chunk.hash);
        await watch.assertNames(BOTTOM, 'chunk is lost');
        const { verificationFailures, healed, failedChunks } = await watch.counted();
        assert.ok(verificationFailures > 0 && healed === 0 && failedChunks > 0);
        await bucket.put(key, pack);
        await assertReads(view.large(1), chunk.range);
      },
    );
  }

  await t.test(
    'a blob of this node that has the chunk heals it, but not with what is damaged there',
    async () => {
      await using other = await bed.node(nameOf(mode), site.bucketUrl, '2.1', [
        '--fill',
        mode,
        ...NO_BACKGROUND,
      ]);
      await other.ladeOrThrow('pull', site.twin);
      await using twin = await View.open(bed, other, { reference: site.twin, large: image.large });
      await assertReads(twin.large(1));
      await assertReads(twin.file('usr/other', noise('other', 50_000)));
      await other.ladeOrThrow('pull', image.reference);
      await using ours = await View.open(bed, other, image);
      await bucket.put(key, flip(largeChunk(index, 5).offset + 99)(pack));
      const twinBlob = layerFile(other, digestOf(TWIN_TAR), LAYER_FILES.blob);
      await overwrite(twinBlob, flip(TWIN_LARGE_AT + 3 * CHUNK_BYTES + 7)(await readFile(twinBlob)));
      const watch = await Watch.begin(other);
      await assertReads(ours.large(1));
      await watch.assertNames(twinBlob, largeChunk(index, 3).hash);
      const { fills, verificationFailures, failedChunks } = await watch.counted();
      // The chunk in the bucket was not asked for.
      assert.deepEqual([verificationFailures, failedChunks], [1, 0]);
      assert.ok(fills.copied.chunks >= 10, `${fills.copied.chunks} copied`);
      await bucket.put(key, pack);
    },
  );

  await t.test('a blob that is cut short while it is up is not read as zeros', async () => {
    const offset = 9 * CHUNK_BYTES + (192 << 10);
    await truncate(layerFile(node, BOTTOM, LAYER_FILES.blob), 2_000_000);
    await assertFails(view.large(1), [offset, 64 << 10]);
  });

  await t.test('another pack that has the chunk heals it, though this node has never seen it', async () => {
    const chunk = largeChunk(index, 11);
    const { objects } = await publishElsewhere(TWIN_TAR);
    const packsElsewhere = [...objects].filter(([name]) => name.startsWith('packs/'));
    for (const [name, bytes] of packsElsewhere) await bucket.put(name, bytes);
    await using fresh = await bed.node(nameOf(mode), site.bucketUrl, '2.1', [
      '--fill',
      mode,
      ...NO_BACKGROUND,
    ]);
    await fresh.ladeOrThrow('pull', image.reference);
    await using ours = await View.open(bed, fresh, image);
    const watch = await Watch.begin(fresh);
    await damage(chunk, flip(chunk.offset + 99));
    await assertReads(ours.large(1));
    await watch.assertNames(chunk.key, chunk.hash);
    const { verificationFailures, healed, failedChunks } = await watch.counted();
    assert.deepEqual([verificationFailures, healed, failedChunks], [1, 1, 0]);
    await bucket.put(key, pack);
    await bucket.delete(packsElsewhere.map(([name]) => name));
  });
}

async function testRecords(t: TestContext, site: Site, mode: (typeof LAZY_MODES)[number]): Promise<void> {
  const { bed, bucket, image } = site;
  await using node = await bed.node(nameOf(mode), site.bucketUrl, '2.1', ['--fill', mode, ...NO_BACKGROUND]);
  const [second = BOTTOM] = UPPER;
  const keys = { chain: chainKey(CHAINS[1] ?? BOTTOM), index: indexKey(second) };
  const [chain, index] = [await readObject(bucket, keys.chain), await readObject(bucket, keys.index)];
  const otherChain = await readObject(bucket, chainKey(BOTTOM));
  const otherIndex = await readObject(bucket, indexKey(BOTTOM));
  const stale = await publishElsewhere(twinTar(2), soundTar(2, LARGE_BYTES));
  const staleIndex = stale.objects.get(keys.index) ?? Buffer.alloc(0);
  const staleChain = await chainRecordOf(CHAINS[1] ?? BOTTOM, BOTTOM, stale.index);
  const half: Change = (bytes) => bytes.subarray(0, bytes.length >> 1);
  const damages: readonly (readonly [what: string, key: string, change: Change])[] = [
    ['a chain record with a flipped bit', keys.chain, flip(2)],
    ['a chain record cut short', keys.chain, half],
    ['the chain record of another chain', keys.chain, () => otherChain],
    ['a chain record that speaks of an older index', keys.chain, () => staleChain],
    ['an index with a flipped bit', keys.index, flip(300)],
    ['an index cut short', keys.index, half],
    ['the index of another layer', keys.index, () => otherIndex],
    ['an index that the chain record does not know', keys.index, () => staleIndex],
  ];
  for (const [what, key, change] of damages) {
    await t.test(
      `${what}: the layer comes from the registry, and its readers get the very bytes`,
      async () => {
        const watch = await Watch.begin(node);
        await bucket.put(key, change(key === keys.chain ? chain : index));
        await node.containerd.pull(image.reference, { snapshotter: 'lade' });
        const origins = (await layersOf(node)).map(({ origin }) => origin);
        assert.deepEqual(origins, ['fetched', 'converted', 'fetched', 'fetched']);
        await watch.assertNames('bucket lookup failed', CHAINS[1] ?? '');
        {
          await using view = await View.open(bed, node, image);
          await view.assertAllReads();
        }
        await node.uploaded();
        await clearNode(node);
        await bucket.put(keys.chain, chain);
        await bucket.put(keys.index, index);
      },
    );
  }
}

async function testFiles(t: TestContext, site: Site, mode: (typeof LAZY_MODES)[number]): Promise<void> {
  const { bed, image } = site;
  await using node = await bed.node(nameOf(mode), site.bucketUrl, '2.1', ['--fill', mode, ...NO_BACKGROUND]);
  await node.ladeOrThrow('pull', image.reference);
  /** What is damaged of which layer: each file of one. */
  const targets = [LAYER_FILES.blob, LAYER_FILES.resident, LAYER_FILES.index, LAYER_FILES.metadata].map(
    (name, i) => ({ name, diffId: [BOTTOM, ...UPPER][i] ?? BOTTOM, path: '', i }),
  );
  const files = targets.map((it) => ({ ...it, path: layerFile(node, it.diffId, it.name) }));
  const older = await bed.makeFolder(`older-${mode}`);
  {
    await using view = await View.open(bed, node, image);
    for (const seed of SEEDS) await assertReads(view.large(seed), [0, 64 << 10]);
  }
  await stop(node);
  for (const { diffId } of files)
    await cp(layerFile(node, diffId, ''), join(older, diffId), { recursive: true });
  const packedElsewhere = await publishElsewhere(twinTar(3), soundTar(3, LARGE_BYTES));
  await writeFile(join(older, files[2]?.diffId ?? '', LAYER_FILES.index), packedElsewhere.index.head);
  const before = await publishElsewhere(soundTar(4, LARGE_BYTES - 1));
  const metadata = join(older, files[3]?.diffId ?? '', LAYER_FILES.metadata);
  await writeFile(metadata, readMetadata(before.index));
  await node.startDaemon();

  const changes: Readonly<Record<string, (file: (typeof files)[number]) => Promise<void>>> = {
    flipped: async ({ path, i }) => {
      const bytes = await readFile(path);
      for (const at of i === 0 ? [5, 1_500_000] : [bytes.length >> 1])
        bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      await overwrite(path, bytes);
    },
    truncated: async ({ path }) => {
      const bytes = await readFile(path);
      await overwrite(path, bytes.subarray(0, bytes.length >> 1));
    },
    swapped: async ({ path, name, i }) =>
      overwrite(path, await readFile(layerFile(node, files[(i + 1) % files.length]?.diffId ?? BOTTOM, name))),
    stale: async ({ path, name, diffId }) => overwrite(path, await readFile(join(older, diffId, name))),
  };
  for (const [what, change] of Object.entries(changes)) {
    await t.test(`${what} files are healed before anybody sees them`, async () => {
      {
        await using view = await View.open(bed, node, image);
        await view.assertAllReads();
      }
      await stop(node);
      for (const file of files) await change(file);
      const log = (await readFile(node.logFile)).length;
      await node.startDaemon();
      {
        await using view = await View.open(bed, node, image);
        await view.assertAllReads();
      }
      const lines = (await readFile(node.logFile)).subarray(log).toString().split('\n');
      const unnamed = files.filter(
        ({ path, diffId }) => !lines.some((line) => line.includes(`"${path}"`) && line.includes(diffId)),
      );
      assert.deepEqual(
        unnamed.map(({ name }) => name),
        // A record that was saved before, or an index with the chunks in other packs, tells nothing that is wrong.
        what === 'stale' ? [LAYER_FILES.resident, LAYER_FILES.index] : [],
        lines.join('\n'),
      );
      const { residency } = await statusOf(node);
      assert.ok(residency.verificationFailures >= files.length - unnamed.length);
      assert.deepEqual([residency.healed, residency.failedChunks], [residency.verificationFailures, 0]);
    });
  }
}

/** In place, as a disk would. */
async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'r+');
  await file.truncate(bytes.byteLength);
  await file.write(bytes, 0, bytes.byteLength, 0);
}

/** Ends the daemon as planned, and takes the layers' mounts away, and with them what the kernel has cached. */
async function stop(node: LadeNode): Promise<void> {
  await node.stopDaemon();
  await unmountBelow(join(node.root, 'mounts'));
}

/** The record that leads from a chain to an index of another bucket. */
async function chainRecordOf(chain: Digest, parent: Digest, index: LayerIndex): Promise<Buffer> {
  await using bucket = await openBucket('memory:');
  const { digest, head, header } = index;
  const record = { parent, diffId: header.diffId, index: digest, indexHeadBytes: head.byteLength };
  await publishChain(bucket, chain, record, { keys: NO_CHAIN_KEYS });
  return readObject(bucket, chainKey(chain));
}
