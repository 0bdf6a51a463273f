import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';
import { encodeIndexHead, indexHeadBytes } from './index-object.ts';
import { LAYER_FILES } from './layer-files.ts';
import { readLocalIndex } from './local-index.ts';
import { indexKey, packKey } from './object-keys.ts';
import { publishLayer } from './publish-layer.ts';
import { readIndex } from './read-layer.ts';
import {
  encodeTar,
  flipBit,
  keysOf,
  metadataOf,
  noise,
  openTestNode,
  shifted,
  tamper,
  variedTar,
  watchPuts,
  withMetadata,
  type TestNode,
} from './testing/test-layers.ts';
import { verifyLayer } from './verify-layer.ts';

const TAR = variedTar(1);

/** A node whose layer is in the bucket already, and a second one that has just converted the same layer. */
async function publishTwice(
  t: { after(work: () => Promise<void>): void },
  between: (bucket: Bucket, first: TestNode, packs: readonly string[]) => Promise<void>,
): Promise<{ bucket: Bucket; uploadedBytes: number }> {
  const bucket = await openBucket('memory:');
  const [first, second] = [await openTestNode(bucket), await openTestNode(bucket)];
  t.after(async () => {
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });
  const published = await publishLayer((await first.convert(TAR)).folder, first.context);
  await between(
    bucket,
    first,
    published.index.packs.map(({ digest }) => packKey(digest)),
  );
  const { folder, diffId } = await second.convert(TAR);
  const { uploadedBytes, index } = await publishLayer(folder, second.context);
  assert.equal((await readLocalIndex(folder)).digest, index.digest);
  assert.equal(await verifyLayer(bucket, diffId), TAR.length);
  return { bucket, uploadedBytes };
}

test('packs come before the index; afterwards the node has the places of its chunks and no recipe', async () => {
  await using node = await openTestNode();
  const { folder, diffId } = await node.convert(
    encodeTar({ path: 'f', kind: 'file', content: noise(1, 20 << 20) }),
  );
  const puts: string[] = [];
  const bucket = watchPuts(node.bucket, (key) => puts.push(key));
  const { index, uploadedBytes } = await publishLayer(folder, { ...node.context, bucket });
  assert.deepEqual(puts, [...index.packs.map(({ digest }) => packKey(digest)), indexKey(diffId)]);
  assert.equal(index.packs.length, 2);
  assert.ok(uploadedBytes > 20 << 20);
  assert.deepEqual((await readdir(folder)).sort(), ['blob', 'index', 'meta.erofs']);
  assert.ok((await readLocalIndex(folder)).chunks.every(({ place }) => place.kind === 'packed'));
  await verifyLayer(node.bucket, diffId);
});

test('chunks that any pack of the bucket holds are not uploaded again, by whichever node they came', async () => {
  await using first = await openTestNode();
  await publishLayer((await first.convert(TAR)).folder, first.context);
  await using second = await openTestNode(first.bucket);
  const large = noise(1, 900_001);
  const { folder, diffId } = await second.convert(
    encodeTar(
      { path: 'new', kind: 'file', content: noise(99, 700_000) },
      { path: 'moved', kind: 'file', content: large },
      { path: 'twice', kind: 'file', content: large },
    ),
  );
  const { uploadedBytes, reusedChunks } = await publishLayer(folder, second.context);
  assert.ok(reusedChunks >= 8, `${reusedChunks} chunks`);
  assert.ok(uploadedBytes < 720_000, `${uploadedBytes} bytes`);
  await verifyLayer(first.bucket, diffId);
});

test('a publication that fails at any object goes on where it was', async () => {
  const tar = encodeTar({ path: 'f', kind: 'file', content: noise(5, 20 << 20) });
  for (let failing = 1; failing <= 3; failing++) {
    await using node = await openTestNode();
    const { folder, diffId } = await node.convert(tar);
    let puts = 0;
    const bucket = watchPuts(node.bucket, () => {
      if (++puts === failing) throw new CodedError('unavailable', 'Cannot reach the bucket');
    });
    const context = { ...node.context, bucket };
    await assert.rejects(publishLayer(folder, context), (e) => isCodedError(e, 'unavailable'));
    assert.equal((await keysOf(node.bucket)).length, failing - 1);
    await publishLayer(folder, context);
    assert.equal(puts, 4, 'what had been uploaded was uploaded again');
    assert.equal(await verifyLayer(node.bucket, diffId), tar.length);
  }
});

test('a stop after the index but before its record on the node is made good by publishing again', async () => {
  await using node = await openTestNode();
  const { folder, diffId } = await node.convert(TAR);
  const before = await readLocalIndex(folder);
  await publishLayer(folder, node.context);
  await writeFile(join(folder, LAYER_FILES.index), before.head);
  const { uploadedBytes } = await publishLayer(folder, node.context);
  assert.equal(uploadedBytes, 0);
  assert.notEqual((await readLocalIndex(folder)).digest, before.digest);
  await verifyLayer(node.bucket, diffId);
});

test('the index of the node that was first is taken over', async (t) => {
  const { uploadedBytes } = await publishTwice(t, async () => {});
  assert.equal(uploadedBytes, 0);
});

test('an index that is damaged, cut short or says something else is replaced', async (t) => {
  for (const change of [
    flipBit(300),
    flipBit(20),
    (bytes: Buffer) => bytes.subarray(0, 500),
    () => Buffer.alloc(0),
  ]) {
    const { uploadedBytes } = await publishTwice(t, async (bucket) => {
      const [key = ''] = (await keysOf(bucket)).filter((it) => it.startsWith('layers/'));
      await tamper(bucket, key, change);
    });
    assert.ok(uploadedBytes > 0);
  }
  await publishTwice(t, async (bucket, node) => {
    const forged = await node.convert(
      encodeTar({ path: 'bin/sh', kind: 'file', content: Buffer.from('evil') }),
    );
    const { index } = await publishLayer(forged.folder, node.context);
    const original = await readLocalIndex(join(node.folder, '1'));
    const { head } = encodeIndexHead({ ...index, ...index.header, diffId: original.header.diffId });
    await bucket.put(indexKey(original.header.diffId), head);
  });
});

test('an index whose metadata image is another than the one converted here is replaced', async (t) => {
  const padded = (image: Buffer): Buffer => Buffer.concat([shifted(image), Buffer.alloc(64)]);
  const longer = (image: Buffer): Buffer => Buffer.concat([image, Buffer.alloc(4096)]);
  const cases: readonly (readonly [string, (image: Buffer) => Buffer, (sizeBytes: number) => number])[] = [
    ['shifted', shifted, (sizeBytes) => sizeBytes - 64],
    ['shifted, and of the right size', padded, (sizeBytes) => sizeBytes],
    ['shorter than it says', shifted, (sizeBytes) => sizeBytes],
    ['longer than it says', longer, (sizeBytes) => sizeBytes],
    ['the right one, but said to be longer', (image) => image, (sizeBytes) => sizeBytes + 4096],
    ['one bit off', (image) => flipBit(1500)(image), (sizeBytes) => sizeBytes],
  ];
  for (const [name, change, sizeOf] of cases) {
    const { uploadedBytes } = await publishTwice(t, async (bucket) => {
      const index = await readIndex(bucket, digestOf(TAR));
      assert.ok(index);
      const image = await metadataOf(index);
      const head = await withMetadata(index, change(image), sizeOf(image.length));
      await tamper(bucket, indexKey(digestOf(TAR)), (bytes) =>
        Buffer.concat([head, bytes.subarray(indexHeadBytes(index.header))]),
      );
    });
    assert.ok(uploadedBytes > 0, name);
  }
});

test('a conversion whose metadata image lacks bytes is never published', async () => {
  await using node = await openTestNode();
  const { folder, diffId } = await node.convert(TAR);
  const index = await readLocalIndex(folder);
  await writeFile(
    join(folder, LAYER_FILES.index),
    await withMetadata(index, shifted(await metadataOf(index))),
  );
  await assert.rejects(
    publishLayer(folder, node.context),
    (e) => isCodedError(e, 'data_loss') && e.message.includes(diffId) && e.cure !== undefined,
  );
  assert.deepEqual(await keysOf(node.bucket), []);
});

test('a layer whose packs are gone or cut short is published again', async (t) => {
  const remove = async (bucket: Bucket, _: TestNode, packs: readonly string[]): Promise<void> =>
    bucket.delete(packs);
  const all = await publishTwice(t, remove);
  assert.ok(all.uploadedBytes > 1_000_000, `${all.uploadedBytes} bytes`);
  const cut = async (bucket: Bucket, _: TestNode, [pack = '']: readonly string[]): Promise<void> =>
    tamper(bucket, pack, (bytes) => bytes.subarray(0, -1));
  assert.ok((await publishTwice(t, cut)).uploadedBytes > 1_000_000);
});

test('a node that published a layer does so again when it has converted it again', async () => {
  await using node = await openTestNode();
  const { folder, diffId } = await node.convert(TAR);
  const again = await node.convert(TAR);
  await publishLayer(folder, node.context);
  await node.bucket.delete(await keysOf(node.bucket));
  await copyFile(join(again.folder, LAYER_FILES.recipe), join(folder, LAYER_FILES.recipe));
  await publishLayer(folder, node.context);
  await verifyLayer(node.bucket, diffId);
});

test('an index of a newer version stays', async () => {
  await using node = await openTestNode();
  const { folder, diffId } = await node.convert(TAR);
  const newer = Buffer.from((await readLocalIndex(folder)).head);
  newer.writeUInt32LE(2, 8);
  await node.bucket.put(indexKey(diffId), newer);
  await assert.rejects(
    publishLayer(folder, node.context),
    (e) => isCodedError(e, 'unimplemented') && /Upgrade/.test(e.cure ?? ''),
  );
  assert.deepEqual(await keysOf(node.bucket), [indexKey(diffId)]);
});

test('a blob that was damaged on the node is never published', async () => {
  await using node = await openTestNode();
  const tar = encodeTar({ path: 'f', kind: 'file', content: randomBytes(300_000) });
  for (const damage of [
    async (path: string) => truncate(path, 270_000),
    async (path: string) => writeFile(path, randomBytes(303_104)),
  ]) {
    const { folder, diffId } = await node.convert(tar);
    await damage(join(folder, LAYER_FILES.blob));
    await assert.rejects(
      publishLayer(folder, node.context),
      (e) => isCodedError(e, 'data_loss') && e.message.includes(diffId) && e.cure !== undefined,
    );
    assert.deepEqual(await keysOf(node.bucket), []);
  }
});

test('a layer without a recipe that the bucket has lost is named, so that nobody waits for it', async () => {
  await using node = await openTestNode();
  const { folder, diffId } = await node.convert(TAR);
  await rm(join(folder, LAYER_FILES.recipe));
  await assert.rejects(
    publishLayer(folder, node.context),
    (e) => isCodedError(e, 'not_found') && e.message.includes(diffId) && e.details['localLayer'] === 'gone',
  );
});
