import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_BYTES, BlockBits } from './index.ts';

const BLOCKS = 70;
const SIZE = BLOCKS * BLOCK_BYTES - 100;
const at = (block: number): number => block * BLOCK_BYTES;

test('each of three bitmaps is padded to 8 bytes', () => {
  const bytes = [0, 1, at(64), at(64) + 1].map((size) => new BlockBits(size).shared.byteLength);
  assert.deepEqual(bytes, [0, 24, 24, 48]);
});

test('hasAll() looks at every block of the range, and at no other', () => {
  for (let missing = 0; missing < BLOCKS; missing++) {
    const { resident } = new BlockBits(SIZE);
    resident.set(0, SIZE);
    resident.clear(at(missing), at(missing + 1));
    for (let first = 0; first < BLOCKS; first++)
      for (const count of [1, 2, 7, 8, 9, 17, BLOCKS]) {
        const touchesMissing = first <= missing && missing < first + count;
        assert.equal(
          resident.hasAll(at(first), at(first + count)),
          !touchesMissing,
          `${missing} ${first} ${count}`,
        );
      }
  }
});

test('hasAny() finds a single block, at the borders of a range too', () => {
  for (let only = 0; only < BLOCKS; only++) {
    const { touched } = new BlockBits(SIZE);
    touched.set(at(only), at(only) + 1);
    assert.ok(touched.has(at(only)) && touched.hasAny(0, SIZE) && touched.hasAny(at(only), at(only + 1)));
    assert.ok(!touched.hasAny(0, at(only)) && !touched.hasAny(at(only + 1), SIZE));
  }
});

test('count() tells how many bytes are set in a range, in whole blocks', () => {
  const { touched } = new BlockBits(SIZE);
  touched.set(at(3), at(20));
  touched.set(SIZE - 1, SIZE);
  assert.deepEqual(
    [touched.count(0, SIZE), touched.count(at(5), at(30)), touched.count(at(20), at(60))],
    [at(18), at(15), 0],
  );
});

test('a range that starts or ends inside a block needs all of it, an empty one nothing, and nothing lies past the end', () => {
  const { resident } = new BlockBits(SIZE);
  resident.set(0, SIZE);
  resident.clear(at(2), at(3));
  assert.equal(resident.hasAll(at(2) - 1, at(2)), true);
  assert.equal(resident.hasAll(at(2) - 1, at(2) + 1), false);
  assert.equal(resident.hasAll(at(3) - 1, at(3)), false);
  assert.equal(resident.hasAll(at(2), at(2)), true);
  assert.equal(resident.hasAll(at(60), Number.MAX_SAFE_INTEGER), true);
});

test('take() clears the blocks that were set in the range, and tells of each once', () => {
  const { markers } = new BlockBits(SIZE);
  for (const block of [3, 7, 8, 40, 69]) markers.set(at(block), at(block) + 1);
  assert.deepEqual(markers.take(at(4), at(40)), [at(7), at(8)]);
  assert.deepEqual(markers.take(at(4), at(40)), []);
  assert.deepEqual(markers.take(0, SIZE), [at(3), at(40), at(69)]);
});

test('the bitmaps of one buffer are apart, and another thread sees the same', () => {
  const bits = new BlockBits(SIZE);
  bits.touched.set(at(6), at(10));
  const theirs = new BlockBits(SIZE, bits.shared);
  assert.ok(
    theirs.touched.hasAll(at(6), at(10)) &&
      !theirs.resident.hasAny(0, SIZE) &&
      !theirs.markers.hasAny(0, SIZE),
  );
});
