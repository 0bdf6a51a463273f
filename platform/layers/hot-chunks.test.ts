import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtempDisposable, open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';
import { fromBytes } from '@lade/streams';
import { ChunkTable } from './chunk-table.ts';
import { convertLayer } from './convert.ts';
import { openHotChunks, publishHotChunks } from './hot-chunks.ts';
import { LAYER_FILES } from './layer-files.ts';
import { readLocalIndex } from './local-index.ts';
import { hotKey } from './object-keys.ts';
import { variedTar } from './testing/test-layers.ts';

interface Scene extends AsyncDisposable {
  readonly bucket: Bucket;
  readonly diffId: Digest;
  readonly table: ChunkTable;
  readonly blob: FileHandle;
}

async function openScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-hot-')));
  const bucket = stack.use(await openBucket('memory:'));
  const { diffId } = await convertLayer(fromBytes(variedTar(3)), folder.path);
  const table = ChunkTable.of(await readLocalIndex(folder.path));
  const blob = stack.use(await open(join(folder.path, LAYER_FILES.blob), 'r+'));
  const owned = stack.move();
  return { bucket, diffId, table, blob, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

/** Published, and what was put into the bucket. */
async function publishBackwards(scene: Scene): Promise<{ numbers: number[]; bytes: Buffer }> {
  const { bucket, diffId, table } = scene;
  const touched = Array.from({ length: table.count }, (_, n) => n).toReversed();
  const numbers = touched.filter((n) => table.get(n).place.kind !== 'zero');
  assert.equal(await publishHotChunks(touched, scene, bucket), numbers.length);
  const { body } = await bucket.get(hotKey(diffId));
  return { numbers, bytes: Buffer.concat(await Array.fromAsync(body)) };
}

test('hot chunks come in the order in which they were touched, and each is what the index says', async () => {
  await using scene = await openScene();
  const { bucket, diffId, table } = scene;
  assert.equal(await openHotChunks(bucket, diffId), undefined);
  const { numbers, bytes } = await publishBackwards(scene);
  await using hot = await openHotChunks(bucket, diffId);
  assert.ok(hot);
  assert.deepEqual(hot.numbers, numbers);
  const came = (await Array.fromAsync(hot.chunks())).flat();
  assert.deepEqual(
    came.map(({ number }) => number),
    numbers,
  );
  for (const { number, raw } of came)
    assert.deepEqual(hash('sha256', raw, 'buffer'), Buffer.from(table.get(number).hash));
  assert.equal(hot.fetchedBytes, bytes.byteLength);
});

test('a list that is damaged, cut short or of another layer is refused', async () => {
  await using scene = await openScene();
  const { bucket, diffId } = scene;
  const { numbers, bytes } = await publishBackwards(scene);
  const listBytes = 48 + numbers.length * 8 + 32;
  const isRefused = async (bad: Uint8Array): Promise<void> => {
    await bucket.put(hotKey(diffId), bad);
    await assert.rejects(openHotChunks(bucket, diffId), (e) => isCodedError(e) && e.cure !== undefined);
  };
  for (let at = 0; at < listBytes; at++) await isRefused(bytes.with(at, (bytes[at] ?? 0) ^ 4));
  for (let length = 0; length < listBytes; length++) await isRefused(bytes.subarray(0, length));
  const other = digestOf('another layer');
  await bucket.put(hotKey(other), bytes);
  await assert.rejects(openHotChunks(bucket, other), (e) => isCodedError(e, 'data_loss'));
});

test('a stream of chunks that ends too early, or is no such stream, says so', async () => {
  await using scene = await openScene();
  const { bucket, diffId } = scene;
  const { numbers, bytes } = await publishBackwards(scene);
  const from = 48 + numbers.length * 8 + 32;
  for (const bad of [bytes.subarray(0, -9), bytes.subarray(0, from), bytes.with(from, 0)]) {
    await bucket.put(hotKey(diffId), bad);
    await using hot = await openHotChunks(bucket, diffId);
    assert.ok(hot);
    await assert.rejects(Array.fromAsync(hot.chunks()), (e) => isCodedError(e, 'data_loss'));
  }
});

test('who leaves in the middle waits for nothing', async () => {
  await using scene = await openScene();
  const { bucket, diffId } = scene;
  const { bytes } = await publishBackwards(scene);
  const silent = async function* (signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, -1000);
    await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
  };
  const get: Bucket['get'] = async (key, options) => {
    const object = await bucket.get(key, options);
    return { ...object, body: silent(options?.signal) };
  };
  const stalled = new Proxy(bucket, {
    get: (target, name) => (name === 'get' ? get : (Reflect.get(target, name) as unknown)),
  });
  const hot = await openHotChunks(stalled, diffId);
  assert.ok(hot);
  const last = Array.fromAsync(hot.chunks());
  await new Promise((resolve) => setTimeout(resolve, 50));
  await hot[Symbol.asyncDispose]();
  await assert.rejects(last);
});

test('a blob that is damaged on this node publishes nothing', async () => {
  await using scene = await openScene();
  const { bucket, diffId, table, blob } = scene;
  await blob.write('damage', table.offsetOf(1) + 5);
  await assert.rejects(publishHotChunks([0, 1], scene, bucket), (e) => isCodedError(e, 'data_loss'));
  await assert.rejects(bucket.head(hotKey(diffId)), (e) => isCodedError(e, 'not_found'));
});
