import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceBuffer } from './piece-buffer.ts';

const PIECE_BYTES = 512 * 1024;

test('cut() gives all that lies between two cuts, and refuses what its window does not hold', () => {
  const pieces = new PieceBuffer(2 * PIECE_BYTES, () => {});
  assert.throws(() => pieces.cut(PIECE_BYTES + 1), RangeError);
  assert.equal(pieces.cut(PIECE_BYTES - 4096).byteLength, PIECE_BYTES - 4096);
  assert.throws(() => pieces.cut(PIECE_BYTES - 4097), RangeError);
  assert.throws(() => pieces.cut(2 * PIECE_BYTES), RangeError);
  assert.equal(pieces.cut(2 * PIECE_BYTES - 4096).byteLength, PIECE_BYTES);
  assert.throws(() => pieces.cut(2 * PIECE_BYTES + 1), RangeError);
  assert.equal(pieces.cut(2 * PIECE_BYTES).byteLength, 4096);
});
