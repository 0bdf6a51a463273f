import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChunkTable } from '@lade/layers';
import { BlobFile } from './blob-file.ts';
import { openLazyWorld } from './testing/lazy-world.ts';
import { noise } from './testing/test-node.ts';

test('a layer is here before its bytes are, and a reader gets them when it asks', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel, bucket } = world;
  const [{ index, blob }] = world.layers;
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
  assert.deepEqual(node.catalogue.findInBlobs(index.chunks[0]?.hash ?? Buffer.alloc(32)), []);
});

test('a layer that could not be mounted can be mounted later', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel } = world;
  const [{ index, blob }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  kernel.failure = new Error('no marks left');
  await assert.rejects(node.layers.mount(layer.diffId), /no marks left/);
  kernel.failure = undefined;
  node.mounter.failure = new Error('not a file system');
  await assert.rejects(node.layers.mount(layer.diffId), /not a file system/);
  assert.equal(kernel.served.size, 0);
  node.mounter.failure = undefined;
  await node.layers.mount(layer.diffId);
  assert.ok((await kernel.read(1, 0, 4096)).equals(blob.subarray(0, 4096)));
});

test('a reader of everything waits seldom, and then the blob is whole: known, on disk, and silent', async () => {
  await using world = await openLazyWorld({ contents: [noise(5, 20 << 20)] });
  const { node, kernel } = world;
  const [{ index, blob }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  for (let at = 0; at < blob.length; at += 65_536)
    assert.ok((await kernel.read(1, at, 65_536)).equals(blob.subarray(at, at + 65_536)));
  await kernel.untilWhole(1);
  assert.ok(kernel.whole.has(1));
  assert.ok(node.catalogue.findInBlobs(index.chunks[0]?.hash ?? Buffer.alloc(32)).length > 0);
  assert.ok(world.bucket.gets.length < 30, `${world.bucket.gets.length} requests`);
  assert.ok(node.layers.usage(layer.diffId).sizeBytes > blob.length);
});

test('a blob in use is completed in the background', async () => {
  await using world = await openLazyWorld({ backgroundBytesPerSecond: 1e9 });
  const { node, kernel } = world;
  const [{ index, blob }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await kernel.untilWhole(1);
  assert.ok(kernel.whole.has(1));
  assert.ok((await readFile(join(node.layers.folderOf(layer.diffId), 'blob'))).equals(blob));
});

test('what one daemon filled, the next one serves without the bucket, also behind the mounts that are there', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel, bucket } = world;
  const [{ index, blob }] = world.layers;
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
  await using world = await openLazyWorld({});
  const { node, kernel, bucket } = world;
  const [{ index }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  const target = {
    index,
    folder: node.layers.folderOf(layer.diffId),
    number: 1,
    readIndex: async () => index,
  };
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
  await using world = await openLazyWorld({});
  const { node } = world;
  const [{ index }] = world.layers;
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

test('a blob that nobody asks for is closed, and opened again for the next reader', async () => {
  await using world = await openLazyWorld({ restAfterMs: 1 });
  const { node, kernel, bucket } = world;
  const [{ index, blob }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await kernel.read(1, 0, 4096);
  const folder = node.layers.folderOf(layer.diffId);
  const { boot } = node.residency;
  {
    // A blob has one owner: this waits until the first has let go.
    await using file = await BlobFile.open({
      folder,
      diffId: layer.diffId,
      table: ChunkTable.of(index),
      boot,
    });
    assert.ok(file.isResident(0));
  }
  assert.ok((await kernel.read(1, 0, 4096)).equals(blob.subarray(0, 4096)));
  assert.equal(bucket.gets.length, 1);
  assert.ok((await kernel.read(1, 600_000, 4096)).equals(blob.subarray(600_000, 604_096)));
});

test('a lost chunk is an error for its reader alone, and is found once the bucket is repaired', async () => {
  await using world = await openLazyWorld({ backgroundBytesPerSecond: 1e9 });
  const { node, kernel, bucket } = world;
  const [{ index, blob }] = world.layers;
  const pack = `packs/sha256/${index.packs[0]?.digest.slice(7)}`;
  const good = Buffer.concat(await Array.fromAsync((await bucket.get(pack)).body));
  await bucket.put(pack, good.with(100, (good[100] ?? 0) ^ 1));
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await assert.rejects(kernel.read(1, 0, 4096));
  assert.ok((await kernel.read(1, 300_000, 4096)).equals(blob.subarray(300_000, 304_096)));
  await bucket.put(pack, good);
  assert.ok((await kernel.read(1, 0, 4096)).equals(blob.subarray(0, 4096)));
});
