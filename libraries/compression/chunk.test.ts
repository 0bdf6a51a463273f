import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isCodedError } from '@lade/errors';
import { compressChunk, decompressChunk } from './index.ts';

const TEXT = Buffer.from('to lade: to load a ship; also, to draw with a bucket. '.repeat(4000));

test('compressChunk() and decompressChunk() give back chunks of every size', async () => {
  for (const raw of [Buffer.alloc(0), Buffer.from('x'), TEXT, randomBytes(300_000), Buffer.alloc(1 << 20)]) {
    const frame = await compressChunk(raw);
    assert.deepEqual(Buffer.from(await decompressChunk(frame, raw.byteLength)), raw);
  }
});

test('compressChunk() states the content size in the frame, and level makes it smaller', async () => {
  const frame = Buffer.from(await compressChunk(TEXT));
  assert.equal(frame.readUInt8(4) & 0xe0, 0xa0, 'single segment, four bytes of content size');
  assert.equal(frame.readUInt32LE(5), TEXT.byteLength);
  const rough = await compressChunk(TEXT, { level: 1 });
  const fine = await compressChunk(TEXT, { level: 19 });
  assert.ok(fine.byteLength < rough.byteLength);
});

test('decompressChunk() refuses every frame that is not exactly of the stated size', async () => {
  const frame = await compressChunk(TEXT);
  const twice = Buffer.concat([frame, frame]);
  const flipped = Buffer.from(frame);
  flipped.writeUInt8(flipped.readUInt8(0) ^ 1, 0);
  const cases: [Uint8Array, number][] = [
    [frame, TEXT.byteLength - 1],
    [frame, TEXT.byteLength + 1],
    [frame, 0],
    [frame.subarray(0, -1), TEXT.byteLength],
    [Buffer.concat([frame, Buffer.from('x')]), TEXT.byteLength],
    [twice, TEXT.byteLength],
    [twice, 2 * TEXT.byteLength],
    [flipped, TEXT.byteLength],
    [Buffer.alloc(0), TEXT.byteLength],
    [gzipSync(TEXT), TEXT.byteLength],
  ];
  for (const [bytes, size] of cases)
    await assert.rejects(decompressChunk(bytes, size), (e) => isCodedError(e, 'data_loss'));
});
