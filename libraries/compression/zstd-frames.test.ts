import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { fromBytes } from '@lade/streams';
import { splitZstdFrames } from './zstd-frames.ts';

const TEXT = Buffer.alloc(400_000, 'blocks of 128 KiB; ');
const FRAMES = [
  zstdCompressSync(TEXT),
  zstdCompressSync(TEXT, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  zstdCompressSync(TEXT, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } }),
  Buffer.from('502a4d1800000000', 'hex'),
  zstdCompressSync(Buffer.alloc(100)),
  zstdCompressSync(''),
  Buffer.from('5f2a4d1802000000abcd', 'hex'),
];

test('splitZstdFrames() cuts one piece into exactly its frames', async () => {
  const pieces = await Array.fromAsync(splitZstdFrames(fromBytes(Buffer.concat(FRAMES))));
  assert.deepEqual(
    pieces.map((piece) => piece.byteLength),
    FRAMES.map((frame) => frame.byteLength),
  );
  assert.deepEqual(zstdDecompressSync(pieces[2]!), TEXT);
});

test('splitZstdFrames() finds the same borders when every byte comes alone', async () => {
  const bytes = Buffer.concat(FRAMES);
  const singles = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const pieces = await Array.fromAsync(splitZstdFrames(fromBytes(...singles)));
  assert.ok(bytes.equals(Buffer.concat(pieces)));
  assert.equal(pieces.length, bytes.byteLength);
});

test('splitZstdFrames() passes what is no frame through in one piece', async () => {
  const junk = Buffer.from('this is no zstd frame at all');
  const pieces = await Array.fromAsync(splitZstdFrames(fromBytes(Buffer.concat([FRAMES[0]!, junk]))));
  assert.deepEqual(pieces.map(String).slice(1), [String(junk)]);
});
