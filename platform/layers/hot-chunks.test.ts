import assert from 'node:assert/strict';
import { mkdtempDisposable, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';
import { fromBytes } from '@lade/streams';
import { ChunkTable } from './chunk-table.ts';
import { convertLayer } from './convert.ts';
import { decodeHotChunks, encodeHotChunks, publishHotChunks, readHotChunks } from './hot-chunks.ts';
import { LAYER_FILES } from './layer-files.ts';
import { readLocalIndex } from './local-index.ts';
import { hotKey, packKey } from './object-keys.ts';
import { variedTar } from './testing/test-layers.ts';
import { openFrame } from './verify-layer.ts';

const LAYER = digestOf('a layer');
const HOT = {
  pack: digestOf('a pack'),
  chunks: [7, 0, 3].map((number) => ({ number, offset: number * 100, storedBytes: 99 })),
};

test('a list of hot chunks is read as it was written, in its order', () => {
  assert.deepEqual(decodeHotChunks(encodeHotChunks(HOT, LAYER), LAYER), HOT);
  assert.deepEqual(decodeHotChunks(encodeHotChunks({ ...HOT, chunks: [] }, LAYER), LAYER).chunks, []);
});

test('a list that is damaged, cut short or of another layer is refused', () => {
  const bytes = encodeHotChunks(HOT, LAYER);
  const isRefused = (bad: Uint8Array): void =>
    assert.throws(
      () => decodeHotChunks(bad, LAYER),
      (e) => isCodedError(e) && e.cure !== undefined,
    );
  for (let at = 0; at < bytes.byteLength; at++)
    isRefused(Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 4 : byte)));
  for (let length = 0; length < bytes.byteLength; length++) isRefused(bytes.subarray(0, length));
  isRefused(encodeHotChunks(HOT, digestOf('another layer')));
});

test('hot chunks are published in the order in which they were touched, and each is what the index says', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-hot-'));
  await using bucket = await openBucket('memory:');
  const { diffId } = await convertLayer(fromBytes(variedTar(3)), folder.path);
  const table = ChunkTable.of(await readLocalIndex(folder.path));
  await using blob = await open(join(folder.path, LAYER_FILES.blob), 'r');
  assert.equal(await readHotChunks(bucket, diffId), undefined);
  const touched = Array.from({ length: table.count }, (_, n) => n).toReversed();
  const count = await publishHotChunks(touched, { diffId, table, blob }, bucket);
  const hot = await readHotChunks(bucket, diffId);
  assert.ok(hot);
  const packed = touched.filter((n) => table.get(n).place.kind !== 'zero');
  assert.deepEqual(
    hot.chunks.map(({ number }) => number),
    packed,
  );
  assert.equal(count, packed.length);
  const pack = Buffer.concat(await Array.fromAsync((await bucket.get(packKey(hot.pack))).body));
  let end = 0;
  for (const { number, offset, storedBytes } of hot.chunks) {
    assert.equal(offset, end);
    end += storedBytes;
    await openFrame(pack.subarray(offset, end), table.get(number), 'the pack');
  }
});

test('a blob that is damaged on this node publishes nothing', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-hot-'));
  await using bucket = await openBucket('memory:');
  const { diffId } = await convertLayer(fromBytes(variedTar(3)), folder.path);
  const table = ChunkTable.of(await readLocalIndex(folder.path));
  await using blob = await open(join(folder.path, LAYER_FILES.blob), 'r+');
  await blob.write('damage', table.offsetOf(1) + 5);
  await assert.rejects(publishHotChunks([0, 1], { diffId, table, blob }, bucket), (e) =>
    isCodedError(e, 'data_loss'),
  );
  await assert.rejects(bucket.head(hotKey(diffId)), (e) => isCodedError(e, 'not_found'));
});
