import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_BYTES, BlockBits, blockBitsBytes, type ByteRange } from './block-bits.ts';

const BLOCKS = 70;
const SIZE = BLOCKS * BLOCK_BYTES - 100;

test('blockBitsBytes() pads each of three bitmaps to 8 bytes', () => {
  assert.deepEqual([0, 1, 64 * BLOCK_BYTES, 64 * BLOCK_BYTES + 1].map(blockBitsBytes), [0, 24, 24, 48]);
});

test('isResident() looks at every block of the range, and at no other', () => {
  for (let missing = 0; missing < BLOCKS; missing += 1) {
    const { bits, resident } = allResident();
    resident[missing >> 3]! &= ~(1 << (missing & 7));
    for (let first = 0; first < BLOCKS; first += 1)
      for (const count of [1, 2, 7, 8, 9, 17, BLOCKS]) {
        const touchesMissing = first <= missing && missing < first + count;
        assert.equal(bits.isResident(blocks(first, count)), !touchesMissing, `${missing} ${first} ${count}`);
      }
  }
});

test('a range that starts or ends inside a block needs all of it, and an empty one nothing', () => {
  const { bits, resident } = allResident();
  resident[0] = 0b1111_1011;
  assert.equal(bits.isResident({ offset: 2 * BLOCK_BYTES - 1, length: 1 }), true);
  assert.equal(bits.isResident({ offset: 2 * BLOCK_BYTES - 1, length: 2 }), false);
  assert.equal(bits.isResident({ offset: 3 * BLOCK_BYTES - 1, length: 1 }), false);
  assert.equal(bits.isResident({ offset: 2 * BLOCK_BYTES, length: 0 }), true);
  assert.equal(bits.isResident({ offset: 2 ** 50, length: Number.MAX_SAFE_INTEGER - 2 ** 50 }), true);
});

test('touch() and takeMarkers() change their own bitmap, in the range only', () => {
  const memory = new SharedArrayBuffer(blockBitsBytes(SIZE));
  const bits = new BlockBits(memory, SIZE);
  const third = memory.byteLength / 3;
  const [touched, markers] = [new Uint8Array(memory, third, third), new Uint8Array(memory, 2 * third)];
  bits.touch(blocks(6, 4));
  assert.deepEqual([...touched.subarray(0, 3)], [0b1100_0000, 0b11, 0]);
  markers[1] = 0b1000_0001;
  assert.equal(bits.takeMarkers(blocks(9, 6)), false);
  assert.equal(bits.takeMarkers(blocks(0, 9)), true);
  assert.equal(bits.takeMarkers(blocks(0, 9)), false);
  assert.equal(markers[1], 0b1000_0000);
  assert.equal(bits.isResident(blocks(0, 1)), false);
});

function blocks(first: number, count: number): ByteRange {
  return { offset: first * BLOCK_BYTES, length: count * BLOCK_BYTES };
}

function allResident(): { bits: BlockBits; resident: Uint8Array } {
  const memory = new SharedArrayBuffer(blockBitsBytes(SIZE));
  const resident = new Uint8Array(memory, 0, memory.byteLength / 3).fill(0xff);
  return { bits: new BlockBits(memory, SIZE), resident };
}
