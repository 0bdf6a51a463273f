import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { readLocalIndex, type LayerIndex } from '@lade/layers';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { FakeKernel } from './testing/fake-kernel.ts';
import { faultyBucket } from './testing/faulty-bucket.ts';
import { CONTENT } from './testing/published-layer.ts';
import { noise, openTestNode, type TestNode } from './testing/test-node.ts';

interface World extends AsyncDisposable {
  readonly bucket: ReturnType<typeof faultyBucket>;
  readonly index: LayerIndex;
  /** The layer's blob as it should be. */
  readonly blob: Buffer;
  readonly kernel: FakeKernel;
  readonly node: TestNode;
}

/** A published layer, and a node with a lazy mode that has never heard of it. */
async function openWorld(backgroundBytesPerSecond: number, content = CONTENT): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const memory: Bucket = stack.use(await openBucket('memory:'));
  const publisher = stack.use(await openTestNode(memory));
  const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: content.length });
  const tar = Buffer.concat([header, content, tarPadding(content.length), TAR_END]);
  const { diffId } = stack.use(await publisher.layers.convert(fromBytes(tar), {}));
  await publisher.publish(diffId);
  const folder = publisher.layers.folderOf(diffId);
  const bucket = faultyBucket(memory);
  const kernel = new FakeKernel();
  const node = stack.use(await openTestNode(bucket, { files: kernel, backgroundBytesPerSecond }));
  const index = await readLocalIndex(folder);
  const blob = await readFile(join(folder, 'blob'));
  const owned = stack.move();
  return { bucket, index, blob, kernel, node, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

test('a layer is here before its bytes are, and a reader gets them when it asks', async () => {
  await using world = await openWorld(0);
  const { node, kernel, index, blob, bucket } = world;
  using layer = await node.layers.fetch(index, {});
  assert.equal(bucket.gets.length, 0);
  assert.ok(node.layers.usage(layer.diffId).sizeBytes < 100_000);
  await node.layers.mount(layer.diffId);
  assert.deepEqual(
    [...node.mounter.mounted.values()].map((it) => it.blob),
    ['/kernel/1'],
  );
  for (const [offset, length] of [
    [1_000_000, 10_000],
    [0, 4096],
    [blob.length - 1, 4096],
    [3 << 20, 300_000],
  ] as const)
    assert.ok((await kernel.read(1, offset, length)).equals(blob.subarray(offset, offset + length)));
  assert.equal(kernel.questions, 4);
  assert.equal(node.catalogue.findInBlobs(index.chunks[0]?.hash ?? Buffer.alloc(32)), undefined);
});

test('a reader of everything waits seldom, and then the blob is whole: known, on disk, and silent', async () => {
  await using world = await openWorld(0, noise(5, 20 << 20));
  const { node, kernel, index, blob } = world;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  for (let at = 0; at < blob.length; at += 65_536)
    assert.ok((await kernel.read(1, at, 65_536)).equals(blob.subarray(at, at + 65_536)));
  await kernel.untilWhole(1);
  assert.ok(kernel.whole.has(1));
  assert.ok(node.catalogue.findInBlobs(index.chunks[0]?.hash ?? Buffer.alloc(32)));
  assert.ok(world.bucket.gets.length < 30, `${world.bucket.gets.length} requests`);
  assert.ok(node.layers.usage(layer.diffId).sizeBytes > blob.length);
});

test('a blob in use is completed in the background', async () => {
  await using world = await openWorld(1e9);
  const { node, kernel, index, blob } = world;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await kernel.untilWhole(1);
  assert.ok(kernel.whole.has(1));
  assert.ok((await readFile(join(node.layers.folderOf(layer.diffId), 'blob'))).equals(blob));
});

test('what one daemon filled, the next one serves without the bucket, also behind the mounts that are there', async () => {
  await using world = await openWorld(0);
  const { node, kernel, index, blob, bucket } = world;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await kernel.read(1, 0, 1_000_000);
  bucket.gets.length = 0;
  kernel.served.clear();
  await node.reopen();
  assert.deepEqual([...kernel.served.keys()], [1]);
  const questions = kernel.questions;
  assert.ok((await kernel.read(1, 0, 1_000_000)).equals(blob.subarray(0, 1_000_000)));
  assert.deepEqual([bucket.gets, kernel.questions - questions], [[], 0]);
});

test('a layer that is detached and attached again goes on where it was', async () => {
  await using world = await openWorld(0);
  const { node, kernel, index, bucket } = world;
  using layer = await node.layers.fetch(index, {});
  const target = { index, folder: node.layers.folderOf(layer.diffId), number: 1 };
  await node.mode().attach(target);
  await kernel.read(1, 0, 500_000);
  await node.mode().detach(layer.diffId);
  assert.deepEqual([...kernel.served.keys()], []);
  bucket.gets.length = 0;
  await node.mode().attach(target);
  await kernel.read(1, 0, 500_000);
  assert.deepEqual(bucket.gets, []);
});

test('a damaged metadata image is named and written again before the mount', async () => {
  await using world = await openWorld(0);
  const { node, index } = world;
  using layer = await node.layers.fetch(index, {});
  const path = join(node.layers.folderOf(layer.diffId), 'meta.erofs');
  const good = await readFile(path);
  for (const bad of [good.subarray(0, 100), good.with(1100, 9)]) {
    await writeFile(path, bad);
    const next = await node.reopen();
    await next.mount(layer.diffId);
    assert.ok((await readFile(path)).equals(good));
    node.mounter.mounted.clear();
  }
});
