import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempDisposable, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Bucket } from '@lade/bucket';
import { compressChunk } from '@lade/compression';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { hashOfZeros, type Chunk } from './chunk.ts';
import { encodeIndexHead, indexHeadBytes, type LayerIndex } from './index-object.ts';
import { indexKey, packKey } from './object-keys.ts';
import { encodePack } from './pack.ts';
import { publishLayer } from './publish-layer.ts';
import { readIndex } from './read-layer.ts';
import { RecipeEncoder } from './recipe.ts';
import {
  encodeTar,
  flipBit,
  metadataOf,
  noise,
  openTestNode,
  shifted,
  tamper,
  variedTar,
  withMetadata,
  type TestEntry,
  type TestNode,
} from './testing/test-layers.ts';
import { rebuildTar, verifyLayer } from './verify-layer.ts';

async function publish(node: TestNode, tar: Buffer): Promise<{ diffId: Digest; index: LayerIndex }> {
  const { folder, diffId } = await node.convert(tar);
  return { diffId, index: (await publishLayer(folder, node.context)).index };
}

async function refuses(bucket: Bucket, diffId: Digest, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(verifyLayer(bucket, diffId), (reason) => {
    assert.ok(isCodedError(reason, code), String(reason));
    assert.match(reason.message, message);
    assert.ok(reason.cure !== undefined, `no cure: ${reason.message}`);
    return true;
  });
}

/** Runs `check` while the object is changed, and changes it back. */
async function whileTampered(
  bucket: Bucket,
  key: string,
  change: (bytes: Buffer) => Uint8Array,
  check: () => Promise<void>,
): Promise<void> {
  let original = Buffer.alloc(0);
  await tamper(bucket, key, (bytes) => change((original = Buffer.from(bytes))));
  await check();
  await bucket.put(key, original);
}

test('a layer is rebuilt from the bucket alone, to the byte', async () => {
  await using node = await openTestNode();
  for (const tar of [
    variedTar(1),
    encodeTar(),
    encodeTar({ path: 'f', kind: 'file', content: noise(2, 5 << 20) }),
  ]) {
    const { diffId } = await publish(node, tar);
    assert.ok(tar.equals(await collectBytes(rebuildTar(node.bucket, diffId), 2 ** 30)));
    assert.equal(await verifyLayer(node.bucket, diffId), tar.length);
  }
});

test('whatever is flipped, cut, gone or swapped is named, with a cure', async () => {
  await using node = await openTestNode();
  const { bucket } = node;
  const { diffId, index } = await publish(node, variedTar(1));
  const other = await publish(node, variedTar(2));
  const layer = indexKey(diffId);
  const pack = packKey(index.packs[0]?.digest ?? diffId);
  const head = indexHeadBytes(index.header);
  const cases: readonly (readonly [string, (bytes: Buffer) => Uint8Array])[] = [
    [layer, flipBit(60)],
    [layer, flipBit(240)],
    [layer, flipBit(head - 10)],
    [layer, flipBit(head + 5)],
    [layer, (bytes) => bytes.subarray(0, 100)],
    [layer, (bytes) => bytes.subarray(0, head - 1)],
    [layer, (bytes) => bytes.subarray(0, head)],
    [layer, (bytes) => bytes.subarray(0, -1)],
    [pack, flipBit(1000)],
    [pack, (bytes) => bytes.subarray(0, 1000)],
    [pack, () => Buffer.alloc(0)],
  ];
  for (const [key, change] of cases)
    await whileTampered(bucket, key, change, async () =>
      refuses(bucket, diffId, 'data_loss', new RegExp(key)),
    );
  const swapped = await collectBytes((await bucket.get(indexKey(other.diffId))).body, 2 ** 30);
  await whileTampered(
    bucket,
    layer,
    () => swapped,
    async () => refuses(bucket, diffId, 'data_loss', new RegExp(`${layer}.* is of layer ${other.diffId}`)),
  );
  const newer = (bytes: Buffer): Buffer => Buffer.from(bytes.with(8, 9));
  await whileTampered(bucket, layer, newer, async () =>
    refuses(bucket, diffId, 'unimplemented', /version 9/),
  );
  await verifyLayer(bucket, diffId);
  await bucket.delete([pack]);
  await refuses(bucket, diffId, 'data_loss', new RegExp(pack));
  await refuses(bucket, digestOf('nothing'), 'not_found', new RegExp(digestOf('nothing')));
});

test('an index that is whole in itself but lies is found out', async () => {
  await using node = await openTestNode();
  const { bucket } = node;
  const { index, diffId } = await publish(node, variedTar(1));
  const stored = await collectBytes((await bucket.get(indexKey(diffId))).body, 2 ** 30);
  const recipe = stored.subarray(indexHeadBytes(index.header));
  const claimed = digestOf('another layer');
  const lie = async (changes: object): Promise<void> => {
    const { head } = encodeIndexHead({ ...index.header, ...index, diffId: claimed, ...changes });
    await bucket.put(indexKey(claimed), Buffer.concat([head, recipe]));
  };
  await lie({});
  await refuses(bucket, claimed, 'data_loss', new RegExp(`${claimed}: it rebuilds to ${diffId}`));
  await lie({ tarBytes: 1000 });
  await refuses(bucket, claimed, 'data_loss', /it rebuilds to more than 1000 bytes/);
  const [first, ...rest] = index.chunks;
  assert.ok(first);
  await lie({ chunks: [{ ...first, place: { kind: 'local' } }, ...rest] });
  await refuses(bucket, claimed, 'data_loss', /no place for chunk 0/);
  await lie({ chunks: [{ ...first, place: { kind: 'zero' } }, ...rest] });
  await refuses(bucket, claimed, 'data_loss', /no place for chunk 0/);
  await lie({ blobBytes: first.rawBytes, chunks: [first] });
  await refuses(bucket, claimed, 'data_loss', /its recipe points past the blob/);
});

/** A published layer whose index can be put again, with another head. */
async function reopen({ bucket }: TestNode, diffId: Digest): Promise<Reopened> {
  const index = await readIndex(bucket, diffId);
  assert.ok(index);
  const stored = await collectBytes((await bucket.get(indexKey(diffId))).body, 2 ** 30);
  const recipe = stored.subarray(indexHeadBytes(index.header));
  const put = async (head: Uint8Array): Promise<void> =>
    void (await bucket.put(indexKey(diffId), Buffer.concat([head, recipe])));
  return { index, put };
}

interface Reopened {
  readonly index: LayerIndex;
  readonly put: (head: Uint8Array) => Promise<void>;
}

/** Refused as an index that does not belong to its tar, with what to remove. */
async function disowns(bucket: Bucket, diffId: Digest, message: RegExp): Promise<void> {
  await refuses(bucket, diffId, 'data_loss', message);
  await assert.rejects(verifyLayer(bucket, diffId), (reason) => {
    assert.ok(isCodedError(reason));
    const start = `Cannot prove layer ${diffId}: index ${indexKey(diffId)} does not belong to its tar: `;
    assert.ok(reason.message.startsWith(start), reason.message);
    assert.match(reason.cure ?? '', new RegExp(`Remove ${indexKey(diffId)} and its chain record`));
    return true;
  });
}

test('a metadata image that is not the one of the tar is found out, though every hash is right', async () => {
  await using node = await openTestNode();
  const { diffId } = await publish(node, variedTar(1));
  const { index, put } = await reopen(node, diffId);
  const image = await metadataOf(index);
  const lie = async (wrong: Uint8Array, message: RegExp, sizeBytes?: number): Promise<void> => {
    await put(await withMetadata(index, wrong, sizeBytes));
    await disowns(node.bucket, diffId, message);
  };
  const padded = Buffer.concat([shifted(image), Buffer.alloc(64)]);
  await lie(shifted(image), /it counts \d+ bytes of the metadata image, not \d+/);
  await lie(padded, /its metadata image is another between bytes 0 and \d+/);
  await lie(flipBit(1300)(image), /its metadata image is another/);
  await lie(image.subarray(1), /its metadata image has \d+ bytes, not \d+/, image.length);
  await lie(Buffer.concat([image, image]), /its metadata image is longer than \d+ bytes/, image.length);
  await put(await withMetadata(index, image));
  await verifyLayer(node.bucket, diffId);
});

test('a layer of many names, whose metadata image is written in many pieces, is proved', async () => {
  await using node = await openTestNode();
  const entries = Array.from({ length: 5_000 }, (_, i): TestEntry => {
    const linkPath = 't'.repeat(1 + ((i * 997) % 4000));
    const isLink = i % 3 === 0;
    return isLink
      ? { path: `d/${i}`, kind: 'symlink', linkPath }
      : { path: `d/${i}`, kind: 'file', content: Buffer.of(1) };
  });
  const { diffId, index } = await publish(node, encodeTar(...entries));
  assert.ok(index.header.metadataBytes > 8 * 512 * 1024);
  await verifyLayer(node.bucket, diffId);
});

test('whatever else an index says otherwise than its tar is found out', async () => {
  await using node = await openTestNode();
  const { diffId } = await publish(node, variedTar(1));
  const { index, put } = await reopen(node, diffId);
  const { header } = index;
  const lie = async (changes: object, message: RegExp): Promise<void> => {
    await put(encodeIndexHead({ ...header, ...index, ...changes }).head);
    await disowns(node.bucket, diffId, message);
  };
  await lie({ tarBytes: header.tarBytes + 1 }, /it counts \d+ bytes of the tar/);
  await lie({ inodes: header.inodes + 1 }, /it counts \d+ inodes/);
  await lie({ impliedDirectories: [] }, /it implies other directories/);
  const zeros: Chunk = { hash: hashOfZeros(4096), rawBytes: 4096, place: { kind: 'zero' } };
  const blobBytes = header.blobBytes + 4096;
  await lie({ blobBytes, chunks: [...index.chunks, zeros] }, /it counts \d+ bytes of the blob/);
});

test('chunks with other borders, or with something in the gap behind a file, are found out', async () => {
  await using node = await openTestNode();
  const content = noise(3, 250_001);
  const tar = encodeTar({ path: 'f', kind: 'file', content });
  const { diffId } = await publish(node, tar);
  const { index, put } = await reopen(node, diffId);
  const blob = Buffer.alloc(index.header.blobBytes);
  content.copy(blob);
  const lie = async (parts: readonly Buffer[], message: RegExp): Promise<void> => {
    const frames = parts.map(async (raw) => ({
      hash: hash('sha256', raw, 'buffer'),
      rawBytes: raw.length,
      frame: await compressChunk(raw),
    }));
    const pack = encodePack(await Promise.all(frames));
    await node.bucket.put(packKey(pack.digest), pack.bytes);
    const chunks = pack.entries.map(({ hash, rawBytes, offset, storedBytes }): Chunk => {
      return { hash, rawBytes, place: { kind: 'packed', pack: 0, offset, storedBytes } };
    });
    const packs = [{ digest: pack.digest, sizeBytes: pack.bytes.byteLength }];
    await put(encodeIndexHead({ ...index.header, ...index, packs, chunks }).head);
    await disowns(node.bucket, diffId, message);
  };
  await lie([blob.subarray(0, 8192), blob.subarray(8192)], /it counts 2 chunks, not 1/);
  const dirty = Buffer.from(blob);
  dirty[content.length] = 1;
  await lie([dirty], /its chunk 0 is another/);
});

test('a chunk that no byte of the tar comes from is stored nowhere, and is zeros all the same', async () => {
  await using node = await openTestNode();
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-verify-'));
  await using file = await open(join(folder.path, 'f'), 'w');
  await file.write(noise(4, 5000));
  await file.truncate(300_000);
  const args = ['--sparse', '--format=posix', '--mtime=@1', '--pax-option=delete=?time', '-c', 'f'];
  const tar = execFileSync('tar', args, { cwd: folder.path, maxBuffer: 2 ** 26 });
  const { diffId } = await publish(node, tar);
  assert.equal(await verifyLayer(node.bucket, diffId), tar.length);
  const { index, put } = await reopen(node, diffId);
  const [data, hole] = index.chunks;
  assert.ok(data && hole && tar.length < data.rawBytes);
  assert.equal(hole.place.kind, 'zero');
  const chunks = [data, { ...hole, hash: data.hash }];
  await put(encodeIndexHead({ ...index.header, ...index, chunks }).head);
  await refuses(node.bucket, diffId, 'data_loss', /no place for chunk 1/);
});

test('a tar that is proved but that no conversion takes is no layer', async () => {
  await using node = await openTestNode();
  const empty = {
    blobBytes: 0,
    inodes: 1,
    packs: [],
    chunks: [],
    impliedDirectories: [],
    metadataBytes: 4096,
  };
  const lie = async (tar: Buffer, message: RegExp): Promise<void> => {
    const diffId = digestOf(tar);
    const recipe = new RecipeEncoder();
    recipe.literal(tar);
    const stored = await compressChunk(Buffer.concat(recipe.finish()));
    const recipeHash = hash('sha256', stored, 'buffer');
    const { head } = encodeIndexHead({
      ...empty,
      diffId,
      tarBytes: tar.length,
      storedMetadata: await compressChunk(Buffer.alloc(4096)),
      storedRecipeBytes: stored.length,
      recipeHash,
    });
    await node.bucket.put(indexKey(diffId), Buffer.concat([head, stored]));
    await disowns(node.bucket, diffId, message);
  };
  await lie(noise(5, 5000), /Cannot read tar header at byte 0/);
  await lie(variedTar(3).subarray(0, 700), /the archive ends in the middle of it/);
  await lie(encodeTar({ path: '../x', kind: 'file' }), /it leads out of the image/);
  const content = noise(6, 5000);
  await lie(encodeTar({ path: 'f', kind: 'file', content }), /its files have more than the allowed 0 bytes/);
});
