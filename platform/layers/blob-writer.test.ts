import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobWriter, CUT_BYTES, type StoreRun } from './blob-writer.ts';
import type { Chunk } from './chunk.ts';

/** Deterministic bytes that do not compress into a pattern of the chunk size. */
function bytes(seed: number, size: number): Buffer {
  const out = Buffer.alloc(size);
  let state = seed * 2_654_435_761 + 1;
  for (let i = 0; i < size; i++) out[i] = (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16;
  return out;
}

/** Runs go where they belong, whatever their order. */
function storeIn(file: FileHandle): StoreRun {
  return async (bytes, offset) => void (await file.write(bytes, 0, bytes.byteLength, offset));
}

async function write(
  files: readonly Buffer[],
  step: number,
): Promise<{ chunks: readonly Chunk[]; blob: Buffer; offsets: number[] }> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-blob-'));
  const path = join(folder.path, 'blob');
  await using file = await open(path, 'wx');
  const writer = new BlobWriter(storeIn(file));
  const offsets: number[] = [];
  for (const content of files) {
    offsets.push(writer.beginFile(content.length));
    for (let at = 0; at < content.length; at += step) writer.append(content.subarray(at, at + step));
    writer.endFile();
    await writer.drain();
  }
  const { chunks, blobBytes } = await writer.finish();
  await file.truncate(blobBytes);
  const blob = readFileSync(path);
  return { chunks, blob, offsets };
}

function check(files: readonly Buffer[], { chunks, blob, offsets }: Awaited<ReturnType<typeof write>>): void {
  files.forEach((content, i) => {
    const start = offsets[i] ?? -1;
    assert.equal(start % 4096, 0);
    assert.ok(blob.subarray(start, start + content.length).equals(content), `file ${i}`);
  });
  let at = 0;
  for (const { hash: expected, rawBytes } of chunks) {
    assert.ok(rawBytes <= CUT_BYTES.data);
    assert.ok(hash('sha256', blob.subarray(at, at + rawBytes), 'buffer').equals(Buffer.from(expected)));
    at += rawBytes;
  }
  assert.equal(at, blob.length);
}

const SIZES = [
  1, 4095, 4096, 4097, 60_000, 65_535, 65_536, 262_143, 262_144, 262_145, 9_000_001, 3, 500_000, 17,
];
const ELF = Buffer.from('\x7fELF', 'latin1');

test('files lie 4 KiB aligned in order, chunks cover the blob, whatever the pieces they came in', async () => {
  const files = SIZES.flatMap((size, i) => [
    bytes(i, size),
    Buffer.concat([ELF, bytes(-i, size)]).subarray(0, size),
  ]);
  const whole = await write(files, 1 << 30);
  check(files, whole);
  for (const step of [3, 1000, 1 << 20]) assert.deepEqual((await write(files, step)).chunks, whole.chunks);
});

test('programs are cut finer than data, from the first chunk to the last', async () => {
  const sizesOf = async (content: Buffer): Promise<number[]> =>
    (await write([bytes(0, 5000), content, bytes(1, 5000)], 10_000)).chunks.map(({ rawBytes }) => rawBytes);
  const [small, { code, data }] = [8192, CUT_BYTES];
  const content = bytes(2, 600_000);
  assert.deepEqual(await sizesOf(content), [small, data, data, 77_824, small]);
  const program = Buffer.concat([ELF, content]).subarray(0, content.length);
  assert.deepEqual(await sizesOf(program), [small, ...Array<number>(18).fill(code), 12_288, small]);
  assert.deepEqual(await sizesOf(program.subarray(0, 262_143)), [small, data, small]);
  assert.deepEqual(await sizesOf(program.subarray(0, 262_144)), [
    small,
    ...Array<number>(8).fill(code),
    small,
  ]);
});

test('where a group of small files is cut depends on their contents, not on the pieces they came in', async () => {
  const files = Array.from({ length: 300 }, (_, i) => bytes(i, 500 + ((i * 7919) % 9000)));
  const whole = await write(files, 1 << 30);
  for (const step of [100, 4095, 4097]) assert.deepEqual((await write(files, step)).chunks, whole.chunks);
});

test('an inserted small file leaves the chunks before and behind it as they are', async () => {
  const files = Array.from({ length: 400 }, (_, i) => bytes(i, 500 + ((i * 7919) % 9000)));
  const before = await write(files, 1 << 30);
  const after = await write(files.toSpliced(150, 0, bytes(9999, 5000)), 1 << 30);
  const known = new Set(before.chunks.map(({ hash }) => Buffer.from(hash).toString('hex')));
  const fresh = after.chunks.filter(({ hash }) => !known.has(Buffer.from(hash).toString('hex')));
  assert.ok(before.chunks.length > 10);
  assert.ok(fresh.length <= 4, `${fresh.length} of ${after.chunks.length} chunks are new`);
});

test('long runs of zeros take no room and are marked', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-blob-'));
  const path = join(folder.path, 'blob');
  await using file = await open(path, 'wx');
  const writer = new BlobWriter(storeIn(file));
  writer.beginFile(3 + 40 * CUT_BYTES.data + 5);
  writer.append(Buffer.from('abc'));
  writer.appendZeros(40 * CUT_BYTES.data);
  writer.append(Buffer.from('defgh'));
  writer.endFile();
  const { chunks, blobBytes } = await writer.finish();
  await file.truncate(blobBytes);
  assert.equal(chunks.filter(({ place }) => place.kind === 'zero').length, 39);
  assert.ok((await file.stat()).blocks * 512 < 2 * CUT_BYTES.data);
  const blob = readFileSync(path);
  assert.equal(blob.toString('latin1').replaceAll('\0', ''), 'abcdefgh');
  assert.equal(blob.indexOf('defgh'), 3 + 40 * CUT_BYTES.data);
});

test('a hole at the start of a file, and one in a program, are zero chunks', async () => {
  const kinds = async (head: Buffer, zeros: number): Promise<string[]> => {
    const writer = new BlobWriter(async () => {});
    writer.beginFile(head.length + zeros + 5);
    writer.append(head);
    writer.appendZeros(zeros);
    writer.append(Buffer.from('abcde'));
    writer.endFile();
    const { chunks } = await writer.finish();
    return chunks.map(({ rawBytes, place }) => `${place.kind} ${rawBytes >> 10}`);
  };
  assert.deepEqual(await kinds(Buffer.alloc(0), 3 * CUT_BYTES.data), [
    ...Array<string>(3).fill('zero 256'),
    'local 4',
  ]);
  assert.deepEqual(await kinds(ELF, 8 * CUT_BYTES.code), [
    'local 32',
    ...Array<string>(7).fill('zero 32'),
    'local 4',
  ]);
});

test('what storing a run failed with is told, at the latest in the end', async () => {
  const writer = new BlobWriter(async () => Promise.reject(new Error('disk full')));
  writer.beginFile(5);
  writer.append(Buffer.from('abcde'));
  writer.endFile();
  await writer.drain();
  await assert.rejects(writer.finish(), /disk full/);
});
