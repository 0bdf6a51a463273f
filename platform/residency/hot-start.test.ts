import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { NO_CHAIN_KEYS, openHotChunks } from '@lade/layers';
import { SILENT } from '@lade/log';
import { RemoteLayers } from './remote-layers.ts';
import { FakeKernel } from './testing/fake-kernel.ts';
import { openLazyWorld, type LazyWorld } from './testing/lazy-world.ts';
import { noise, openTestNode, watchGets, type TestNode } from './testing/test-node.ts';

const CONTENT = noise(8, 12 << 20);
/** Where a start reads, in this order. */
const READS = [9_000_000, 100_000, 5_000_000, 11_900_000] as const;

async function start(
  node: TestNode,
  kernel: FakeKernel,
  { index, blob }: LazyWorld['layers'][0],
): Promise<void> {
  const layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  for (const at of READS) assert.ok((await kernel.read(1, at, 4096)).equals(blob.subarray(at, at + 4096)));
}

/** The chunks that the bucket knows of, as soon as it does. */
async function recorded({ bucket, layers: [{ index }] }: LazyWorld): Promise<readonly number[]> {
  for (;;) {
    await using hot = await openHotChunks(bucket, index.header.diffId);
    if (hot) return hot.numbers;
    await sleep(5);
  }
}

function hotKeyOf({ layers: [{ index }] }: LazyWorld): string {
  return `hot/sha256/${index.header.diffId.slice('sha256:'.length)}`;
}

async function readObject(bucket: Bucket, key: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await bucket.get(key)).body));
}

test('what the first start touches is told to the bucket, and the next node has it before it is asked for', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  await start(world.node, world.kernel, layer);
  const hot = await recorded(world);
  assert.ok(hot.length >= READS.length && hot.length < 20, `${hot.length} chunks`);
  const kernel = new FakeKernel();
  await using node = await openTestNode(world.bucket, { files: kernel });
  const before = world.bucket.gets.length;
  await node.layers.fetch(layer.index, {});
  while (node.residency.counters.fills.hot.chunks < hot.length) await sleep(5);
  assert.ok(
    world.bucket.gets.length - before < READS.length,
    `${world.bucket.gets.length - before} requests`,
  );
  await start(node, kernel, layer);
  assert.equal(kernel.questions, 0);
});

test('what an expected layer needs for its start is asked for at once, and once', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT] });
  const { diffId } = world.layers[0].index.header;
  let asked = 0;
  const bucket = watchGets(world.bucket, (key) => void (asked += Number(key === hotKeyOf(world))));
  const kernel = new FakeKernel();
  await using node = await openTestNode(bucket, { files: kernel });
  const remote = new RemoteLayers({
    bucket,
    keys: NO_CHAIN_KEYS,
    layers: node.layers,
    log: SILENT,
    claim: async () => true,
  });
  {
    await using _ = remote.expect({ chainIds: [], diffIds: [diffId] }, new AbortController().signal);
    assert.equal(asked, 1);
  }
  using layer = await remote.find(diffId, undefined);
  assert.ok(layer);
  while (kernel.served.size === 0) await sleep(5);
  assert.equal(asked, 1);
});

test('a start is over a while after the first read, though all that it reads was brought before', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  await start(world.node, world.kernel, layer);
  const hot = await recorded(world);
  const kernel = new FakeKernel();
  await using node = await openTestNode(world.bucket, {
    files: kernel,
    startMs: 5,
    backgroundBytesPerSecond: 0,
  });
  const fetched = await node.layers.fetch(layer.index, {});
  await node.layers.mount(fetched.diffId);
  while (node.residency.counters.fills.hot.chunks < hot.length) await sleep(5);
  const { started } = node.mounter;
  assert.ok(started);
  assert.equal(await Promise.race([started.then(() => 'over'), sleep(50, 'not yet')]), 'not yet');
  await start(node, kernel, layer);
  assert.equal(kernel.questions, 0);
  await started;
});

test('a start is over as soon as the kernel reads a layer without asking', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], backgroundBytesPerSecond: 1 << 30 });
  const [layer] = world.layers;
  const fetched = await world.node.layers.fetch(layer.index, {});
  await world.node.layers.mount(fetched.diffId);
  await world.kernel.untilWhole(1);
  await world.node.mounter.started;
});

test('hot chunks that the bucket has wrong are brought from where the index says', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  await start(world.node, world.kernel, layer);
  await recorded(world);
  const hot = await readObject(world.bucket, hotKeyOf(world));
  // Noise is stored as it is: a flipped byte is one of a chunk.
  await world.bucket.put(hotKeyOf(world), hot.with(hot.length - 100_000, hot.at(-100_000)! ^ 1));
  const kernel = new FakeKernel();
  await using node = await openTestNode(world.bucket, { files: kernel });
  await start(node, kernel, layer);
  // A reader need not wait for the stream's end, where the damage is.
  while (node.residency.counters.verificationFailures === 0) await sleep(5);
  assert.ok(node.log.some((line) => line.includes('chunk of a start is damaged in the bucket')));
});

test('a list of hot chunks that is damaged is named, and written again by the next start', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  const key = hotKeyOf(world);
  await world.bucket.put(key, Buffer.from('no list'));
  await start(world.node, world.kernel, layer);
  while ((await readObject(world.bucket, key)).length < 1000) await sleep(5);
  assert.ok((await recorded(world)).length >= READS.length);
  assert.equal(world.node.residency.counters.verificationFailures, 1);
  assert.ok(world.node.log.some((line) => line.includes('list of hot chunks is damaged')));
});

test('a read of hot chunks that goes silent is left, and readers are served in another way', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  await start(world.node, world.kernel, layer);
  await recorded(world);
  const hot = await readObject(world.bucket, hotKeyOf(world));
  const silent = async function* (signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    yield hot.subarray(0, hot.length / 2);
    await sleep(60_000, undefined, { ref: false, ...(signal ? { signal } : {}) });
  };
  const get: Bucket['get'] = async (key, options) => {
    const object = await world.bucket.get(key, options);
    return key === hotKeyOf(world) ? { ...object, body: silent(options?.signal) } : object;
  };
  const bucket = new Proxy<Bucket>(world.bucket, {
    get: (target, name) => (name === 'get' ? get : (Reflect.get(target, name) as unknown)),
  });
  const kernel = new FakeKernel();
  await using node = await openTestNode(bucket, { files: kernel });
  await start(node, kernel, layer);
  assert.equal(node.residency.counters.failedChunks, 0);
});

test('the next version of a layer takes from the one before what both have', async () => {
  const next = Buffer.from(CONTENT);
  next[7]! ^= 1;
  await using world = await openLazyWorld({ contents: [next, CONTENT], recordQuietMs: 30 });
  const [second, first] = world.layers;
  assert.ok(first);
  const { diffId } = await world.node.layers.fetch(second.index, {});
  await world.node.layers.mount(diffId);
  for (let at = 0; at < next.length; at += 1 << 20) await world.kernel.read(1, at, 1 << 20);
  await recorded(world);
  const kernel = new FakeKernel();
  await using node = await openTestNode(world.bucket, { files: kernel, backgroundBytesPerSecond: 1e9 });
  const { counters } = node.residency;
  await node.layers.fetch(first.index, {});
  await kernel.untilWhole(1);
  const fetched = (): number => counters.fills.hot.chunks + counters.fills.bucket.chunks;
  const before = fetched();
  await node.layers.fetch(second.index, {});
  await kernel.untilWhole(2);
  assert.equal(fetched() - before, 1);
});

test('a whole layer is listened to until its first start is recorded, and is silent afterwards', async () => {
  await using world = await openLazyWorld({
    contents: [CONTENT],
    recordQuietMs: 30,
    backgroundBytesPerSecond: 1e9,
  });
  const { node, kernel } = world;
  const [{ index, blob }] = world.layers;
  const { diffId } = await node.layers.fetch(index, {});
  await node.layers.mount(diffId);
  while (node.residency.counters.fetchedBytes < CONTENT.length / 2 || kernel.served.size === 0)
    await sleep(5);
  assert.ok((await kernel.read(1, 0, 4096)).equals(blob.subarray(0, 4096)));
  await recorded(world);
  await kernel.untilWhole(1);
});
