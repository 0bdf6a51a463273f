import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHotChunks } from '@lade/layers';
import { FakeKernel } from './testing/fake-kernel.ts';
import { openLazyWorld, type LazyWorld } from './testing/lazy-world.ts';
import { noise, openTestNode, type TestNode } from './testing/test-node.ts';

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

async function recorded({ bucket, layers: [{ index }] }: LazyWorld): Promise<readonly number[]> {
  for (;;) {
    const hot = await readHotChunks(bucket, index.header.diffId);
    if (hot) return hot.chunks.map(({ number }) => number);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
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
  while (node.residency.counters.fetchedChunks < hot.length)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(
    world.bucket.gets.length - before < READS.length,
    `${world.bucket.gets.length - before} requests`,
  );
  await start(node, kernel, layer);
  assert.equal(kernel.questions, 0);
});

test('what a start touches first comes first, in a few reads at a time', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  const { diffId } = await world.node.layers.fetch(layer.index, {});
  await world.node.layers.mount(diffId);
  const half = CONTENT.length / 2;
  for (const at of [half, 0]) await world.kernel.read(1, at, half);
  await recorded(world);
  const hot = await readHotChunks(world.bucket, diffId);
  const before = world.bucket.gets.length;
  await using node = await openTestNode(world.bucket, { files: new FakeKernel() });
  await node.layers.fetch(layer.index, {});
  while (node.residency.counters.fetchedChunks < (hot?.chunks.length ?? 0))
    await new Promise((resolve) => setTimeout(resolve, 5));
  const reads = world.bucket.gets
    .slice(before)
    .filter(({ key }) => key.endsWith(hot?.pack.slice('sha256:'.length) ?? '-'))
    .map(({ offset = 0, length = 0 }) => ({ offset, length }));
  assert.ok(reads.length >= 12, `${reads.length} reads`);
  let end = 0;
  for (const { offset, length } of reads) {
    assert.equal(offset, end);
    assert.ok(length <= 1 << 20);
    end += length;
  }
});

test('hot chunks that the bucket has wrong are brought from where the index says', async () => {
  await using world = await openLazyWorld({ contents: [CONTENT], recordQuietMs: 30 });
  const [layer] = world.layers;
  await start(world.node, world.kernel, layer);
  await recorded(world);
  const hot = await readHotChunks(world.bucket, layer.index.header.diffId);
  world.bucket.choose = ({ key }) =>
    key.endsWith(hot?.pack.slice('sha256:'.length) ?? '-') ? { bytes: (bytes) => bytes.fill(7) } : undefined;
  const kernel = new FakeKernel();
  await using node = await openTestNode(world.bucket, { files: kernel });
  await start(node, kernel, layer);
  assert.ok(node.residency.counters.verificationFailures > 0);
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
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok((await kernel.read(1, 0, 4096)).equals(blob.subarray(0, 4096)));
  await recorded(world);
  await kernel.untilWhole(1);
});
