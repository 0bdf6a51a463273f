import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { openBucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import {
  indexHeadBytes,
  indexKey,
  readIndex,
  readLocalIndex,
  readMetadata,
  type LayerIndex,
} from '@lade/layers';
import { digestOf, hexOf, type Digest } from '@lade/oci';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { noise, openTestNode, type TestNode } from './testing/test-node.ts';

const TAR = tarOf(noise(1, 500_000));
const DIFF_ID = digestOf(TAR);
const FOLDER = hexOf(DIFF_ID);

/** A layer of one file. */
function tarOf(content: Buffer): Buffer {
  const sizeBytes = content.length;
  const header = encodeTarEntry({ path: 'usr/file', kind: 'file', sizeBytes });
  return Buffer.concat([header, content, tarPadding(sizeBytes), TAR_END]);
}

async function openNode(t: { after(work: () => Promise<void>): void }): Promise<TestNode> {
  const bucket = await openBucket('memory:');
  const node = await openTestNode(bucket);
  t.after(async () => {
    await node[Symbol.asyncDispose]();
    await bucket[Symbol.asyncDispose]();
  });
  return node;
}

/** Converts a layer and lets go of it. */
async function convert({ layers }: TestNode, tar = TAR): Promise<Digest> {
  using layer = await layers.convert(fromBytes(tar), {});
  return layer.diffId;
}

test('a converted layer has a folder, a row, and a pin', async (t) => {
  const node = await openNode(t);
  const layer = await node.layers.convert(fromBytes(gzipSync(TAR)), {});
  assert.equal(layer.diffId, DIFF_ID);
  assert.equal(layer.tarBytes, TAR.length);
  assert.deepEqual(await node.folders(), [FOLDER]);
  const [row] = node.layers.list();
  assert.equal(row?.origin, 'converted');
  assert.deepEqual(node.layers.impliedDirectories(DIFF_ID), ['usr']);
  const { sizeBytes, inodes } = node.layers.usage(DIFF_ID);
  assert.ok(sizeBytes >= 500_000 && inodes === 3);
  await node.layers.retain(() => false);
  assert.ok(node.layers.has(DIFF_ID), 'a pinned layer was removed');
  layer[Symbol.dispose]();
  await node.layers.retain(() => false);
  assert.deepEqual([node.layers.list(), await node.folders()], [[], []]);
});

test('a conversion that fails leaves nothing, and the next one works', async (t) => {
  const node = await openNode(t);
  const bad = gzipSync(TAR).subarray(0, -100);
  await assert.rejects(node.layers.convert(fromBytes(bad), {}), (e) => isCodedError(e, 'data_loss'));
  assert.deepEqual([node.layers.list(), await node.folders()], [[], []]);
  assert.equal(await convert(node), DIFF_ID);
});

test('a layer that cannot be recorded leaves nothing, and the next conversion works', async (t) => {
  const node = await openNode(t);
  node.db.exec('PRAGMA query_only = 1');
  await assert.rejects(node.layers.convert(fromBytes(TAR), {}), (e) => isCodedError(e, 'permission_denied'));
  node.db.exec('PRAGMA query_only = 0');
  assert.deepEqual([node.layers.list(), await node.folders()], [[], []]);
  assert.equal(await convert(node), DIFF_ID);
});

test('conversions of one layer at the same time make one', async (t) => {
  const node = await openNode(t);
  assert.deepEqual(await Promise.all([convert(node), convert(node), convert(node)]), [
    DIFF_ID,
    DIFF_ID,
    DIFF_ID,
  ]);
  assert.deepEqual(await node.folders(), [FOLDER]);
});

test('layerAt() knows the mount points of layers, and nothing else', async (t) => {
  const node = await openNode(t);
  const place = await node.layers.mount(await convert(node));
  assert.equal(node.layers.layerAt(place), DIFF_ID);
  for (const other of [`${place}/usr`, `/elsewhere/${place}`, `${place}1`, node.root])
    assert.equal(node.layers.layerAt(other), undefined, other);
});

test('retain() keeps what is referenced or waits for its upload, and unmounts the rest', async (t) => {
  const node = await openNode(t);
  const [a, b, c] = [
    await convert(node),
    await convert(node, tarOf(noise(2, 10))),
    await convert(node, tarOf(noise(3, 10))),
  ];
  for (const diffId of [a, b, c]) await node.layers.mount(diffId);
  node.waiting.add(b);
  await node.layers.retain((diffId) => diffId === a);
  assert.deepEqual(
    node.layers.list().map(({ diffId }) => diffId),
    [a, b],
  );
  assert.deepEqual(await readdir(join(node.root, 'mounts')), ['1w', '2w']);
  assert.deepEqual(await node.folders(), [hexOf(a), hexOf(b)].sort());
});

test('a layer can be converted anew while it is being removed', async (t) => {
  const node = await openNode(t);
  await convert(node);
  await node.layers.mount(DIFF_ID);
  node.mounter.beforeUnmount = async () => {
    (await node.layers.convert(fromBytes(TAR), {}))[Symbol.dispose]();
  };
  await node.layers.retain(() => node.layers.list()[0]?.number === 2);
  assert.deepEqual(
    node.layers.list().map(({ number }) => number),
    [2],
  );
  assert.deepEqual(await readdir(node.layers.folderOf(DIFF_ID)), [
    'blob',
    'index',
    'meta.erofs',
    'recipe',
    'resident',
  ]);
  assert.deepEqual(await node.folders(), [FOLDER]);
});

test('a layer is mounted once for all, and by the next daemon not again', async (t) => {
  const node = await openNode(t);
  await convert(node);
  const [first, second] = await Promise.all([node.layers.mount(DIFF_ID), node.layers.mount(DIFF_ID)]);
  assert.equal(first, join(node.root, 'mounts/1w'));
  assert.equal(first, second);
  assert.equal(await (await node.reopen()).mount(DIFF_ID), first);
  assert.deepEqual(node.mounter.calls, [first]);
  assert.deepEqual(node.mounter.mounted.get(first), {
    metadata: join(node.layers.folderOf(DIFF_ID), 'meta.erofs'),
    blob: join(node.layers.folderOf(DIFF_ID), 'blob'),
  });
});

test('a mount that an earlier release has left under a longer name is taken over', async (t) => {
  const node = await openNode(t);
  await convert(node);
  const old = join(node.root, 'mounts/1-full');
  await mkdir(old, { recursive: true });
  const folder = node.layers.folderOf(DIFF_ID);
  const files = { metadata: join(folder, 'meta.erofs'), blob: join(folder, 'blob') };
  await node.mounter.mount(files, old, { mode: 'full' });
  const layers = await node.reopen();
  assert.equal(await layers.mount(DIFF_ID), old);
  await layers.retain(() => false);
  assert.deepEqual(await readdir(join(node.root, 'mounts')), []);
});

test('a mount that fails names the layer, leaves no mount point, and is tried again', async (t) => {
  const node = await openNode(t);
  await convert(node);
  node.mounter.failure = new Error('no such kernel');
  await assert.rejects(
    node.layers.mount(DIFF_ID),
    (e) =>
      isCodedError(e) &&
      e.message === `Cannot mount layer ${DIFF_ID}: no such kernel` &&
      e.cure !== undefined,
  );
  assert.deepEqual(await readdir(join(node.root, 'mounts')), []);
  node.mounter.failure = undefined;
  await node.layers.mount(DIFF_ID);
});

test('a start removes what a crash has left, and nothing else', async (t) => {
  const node = await openNode(t);
  await convert(node);
  const mounted = await node.layers.mount(DIFF_ID);
  const stray = join(node.root, 'mounts/77w');
  for (const name of ['.new-1-1', '.old-1-2', hexOf(digestOf('no row'))]) {
    await mkdir(join(node.root, 'layers', name));
    await writeFile(join(node.root, 'layers', name, 'blob'), 'half');
  }
  await mkdir(stray);
  await mkdir(join(node.root, 'mounts/78w'));
  await node.mounter.mount({ metadata: 'metadata', blob: 'blob' }, stray, { mode: 'full' });
  const layers = await node.reopen();
  assert.deepEqual(await node.folders(), [FOLDER]);
  assert.deepEqual([...node.mounter.mounted.keys()], [mounted]);
  assert.deepEqual(await readdir(join(node.root, 'mounts')), ['1w']);
  assert.ok(layers.has(DIFF_ID));
});

test('a published layer is fetched, whole and checked, and is then as good as a converted one', async (t) => {
  const bucket = await openBucket('memory:');
  await using first = await openTestNode(bucket);
  await using second = await openTestNode(bucket);
  t.after(async () => bucket[Symbol.asyncDispose]());
  await first.publish(await convert(first));
  const index = await readIndex(bucket, DIFF_ID);
  assert.ok(index);
  using layer = await second.layers.fetch(index, {});
  assert.equal(layer.tarBytes, TAR.length);
  for (const name of ['blob', 'meta.erofs', 'index']) {
    const read = async ({ layers }: TestNode): Promise<Buffer> =>
      readFile(join(layers.folderOf(DIFF_ID), name));
    assert.ok((await read(first)).equals(await read(second)), name);
  }
  assert.equal(second.layers.list()[0]?.origin, 'fetched');
  assert.deepEqual(second.layers.impliedDirectories(DIFF_ID), ['usr']);
  (await second.layers.fetch(index, {}))[Symbol.dispose]();
  assert.equal(second.fills.length, 1, 'a layer that is here was fetched again');
});

test('a fetch that fails leaves nothing', async (t) => {
  const node = await openNode(t);
  await node.publish(await convert(node));
  const bucket = await openBucket('memory:');
  t.after(async () => bucket[Symbol.asyncDispose]());
  await using empty = await openTestNode(bucket);
  const index = await readLocalIndex(node.layers.folderOf(DIFF_ID));
  await assert.rejects(empty.layers.fetch(index, {}), (e) => isCodedError(e, 'data_loss'));
  const cut = { ...index, header: { ...index.header, metadataBytes: index.header.metadataBytes + 1 } };
  await assert.rejects(
    empty.layers.fetch(cut, {}),
    (e) => isCodedError(e, 'data_loss') && e.message.includes(DIFF_ID),
  );
  assert.deepEqual([empty.layers.list(), await empty.folders()], [[], []]);
});

test('a layer whose metadata image is larger or smaller than its superblock says is not fetched', async (t) => {
  const node = await openNode(t);
  await node.publish(await convert(node));
  const index = await readLocalIndex(node.layers.folderOf(DIFF_ID));
  const bucket = await openBucket('memory:');
  t.after(async () => bucket[Symbol.asyncDispose]());
  await using empty = await openTestNode(bucket);
  for (const change of [padded, (image: Buffer) => image.subarray(0, -64)])
    await assert.rejects(
      empty.layers.fetch(await withMetadata(index, change), {}),
      (e) => isCodedError(e, 'data_loss') && /metadata image/.test(e.message) && e.cure !== undefined,
    );
  assert.deepEqual([empty.layers.list(), await empty.folders()], [[], []]);
});

test('a layer of this node whose metadata image is not as large as its superblock says is not mounted', async (t) => {
  const node = await openNode(t);
  await convert(node);
  const folder = node.layers.folderOf(DIFF_ID);
  const index = await withMetadata(await readLocalIndex(folder), padded);
  await writeFile(join(folder, 'index'), index.head);
  await writeFile(join(folder, 'meta.erofs'), readMetadata(index));
  // As an earlier release has left it.
  node.db.exec('UPDATE layers SET claim = NULL, index_digest = NULL');
  await assert.rejects(
    (await node.reopen()).mount(DIFF_ID),
    (e) => isCodedError(e) && e.message.includes(DIFF_ID) && /says that it has \d+ bytes/.test(e.message),
  );
  assert.deepEqual(node.mounter.calls, []);
});

test('an index that is damaged, gone or of another layer is brought from the bucket again, if it proves itself', async (t) => {
  const bucket = await openBucket('memory:');
  t.after(async () => bucket[Symbol.asyncDispose]());
  await using node = await openTestNode(bucket);
  const other = await convert(node, tarOf(noise(2, 500_000)));
  await node.publish(other);
  await node.publish(await convert(node));
  const folder = node.layers.folderOf(DIFF_ID);
  const path = join(folder, 'index');
  const good = await readFile(path);
  const foreign = await readFile(join(node.layers.folderOf(other), 'index'));
  const key = indexKey(DIFF_ID);
  const object = Buffer.concat(await Array.fromAsync((await bucket.get(key)).body));
  for (const bad of [good.with(300, 7), good.subarray(0, 100), foreign, Buffer.alloc(0), undefined]) {
    if (bad) await writeFile(path, bad);
    else await rm(path);
    const layers = await node.reopen();
    await layers.mount(DIFF_ID);
    assert.ok((await readFile(path)).equals(good));
    assert.ok(node.log.at(-1)?.includes(path), 'the damage is not named');
    await layers.retain(() => true);
    const mounted = [...node.mounter.mounted.keys()];
    for (const target of mounted) await node.mounter.unmount(target);
  }
  const { counters } = node.residency;
  assert.deepEqual([counters.verificationFailures, counters.healed], [5, 5]);
  const forged = await withMetadata(await readLocalIndex(folder), padded);
  await bucket.put(key, Buffer.concat([forged.head, object.subarray(good.length)]));
  await writeFile(path, good.with(300, 7));
  await assert.rejects((await node.reopen()).mount(DIFF_ID), (e) => isCodedError(e, 'data_loss'));
  await bucket.put(key, object);
  await (await node.reopen()).mount(DIFF_ID);
});

test('an index that was published again, in other packs, is as good as the one before', async (t) => {
  const node = await openNode(t);
  await convert(node);
  const folder = node.layers.folderOf(DIFF_ID);
  const before = await readLocalIndex(folder);
  await node.publish(DIFF_ID);
  assert.notEqual((await readLocalIndex(folder)).digest, before.digest);
  await (await node.reopen()).mount(DIFF_ID);
  assert.equal(node.table.get(DIFF_ID)?.indexDigest, (await readLocalIndex(folder)).digest);
  assert.deepEqual(node.log, []);
});

/** The index with a metadata image that was changed, and every hash right. */
async function withMetadata(index: LayerIndex, change: (image: Buffer) => Buffer): Promise<LayerIndex> {
  const image = change(Buffer.concat(await Array.fromAsync(readMetadata(index))));
  const storedMetadata = zstdCompressSync(image);
  const metadataAt = indexHeadBytes(index.header) - index.header.storedMetadataBytes;
  const head = Buffer.concat([index.head.subarray(0, metadataAt), storedMetadata]);
  head.writeBigUInt64LE(BigInt(image.length), 80);
  head.writeBigUInt64LE(BigInt(storedMetadata.length), 88);
  head.set(hash('sha256', storedMetadata, 'buffer'), 136);
  head.set(hash('sha256', head.subarray(0, 200), 'buffer'), 200);
  const sizes = { metadataBytes: image.length, storedMetadataBytes: storedMetadata.length };
  return { ...index, header: { ...index.header, ...sizes }, storedMetadata, head };
}

function padded(image: Buffer): Buffer {
  return Buffer.concat([image, Buffer.alloc(4096)]);
}

test('converting a layer that was fetched makes it publishable again', async (t) => {
  const bucket = await openBucket('memory:');
  t.after(async () => bucket[Symbol.asyncDispose]());
  await using first = await openTestNode(bucket);
  await using second = await openTestNode(bucket);
  await first.publish(await convert(first));
  const index = await readIndex(bucket, DIFF_ID);
  assert.ok(index);
  using _ = await second.layers.fetch(index, {});
  await bucket.delete((await Array.fromAsync(bucket.list(''))).map(({ key }) => key));
  await assert.rejects(second.publish(DIFF_ID), /no tar recipe/);
  await convert(second);
  await second.publish(DIFF_ID);
  assert.ok(await readIndex(bucket, DIFF_ID));
});
