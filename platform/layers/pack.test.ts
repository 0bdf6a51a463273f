import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';
import { PACK_FOOTER_BYTES, decodePackTrailer, encodePack, packTrailerBytes } from './pack.ts';

const FRAMES = [10, 2000, 1].map((size) => ({
  hash: randomBytes(32),
  rawBytes: size * 4,
  frame: randomBytes(size),
}));

test('a pack lists its frames in its trailer and is named by its bytes', () => {
  const pack = encodePack(FRAMES);
  assert.equal(pack.digest, digestOf(pack.bytes));
  const size = packTrailerBytes(pack.bytes.subarray(-PACK_FOOTER_BYTES), 'p');
  const entries = decodePackTrailer(pack.bytes.subarray(-size), 'p');
  entries.forEach((entry, i) => {
    const frame = pack.bytes.subarray(entry.offset, entry.offset + entry.storedBytes);
    assert.deepEqual(Buffer.from(frame), FRAMES[i]?.frame);
    assert.deepEqual(Buffer.from(entry.hash), FRAMES[i]?.hash);
    assert.equal(entry.rawBytes, FRAMES[i]?.rawBytes);
  });
  assert.equal(entries.length, FRAMES.length);
});

test('a damaged trailer is refused by name', () => {
  const { bytes } = encodePack(FRAMES);
  const trailer = bytes.subarray(-packTrailerBytes(bytes.subarray(-PACK_FOOTER_BYTES), 'p'));
  for (let at = 0; at < trailer.byteLength; at++) {
    const flipped = Buffer.from(trailer);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    assert.throws(
      () => decodePackTrailer(flipped, 'pack p'),
      (e) => isCodedError(e) && e.message.includes('pack p'),
    );
  }
  assert.throws(
    () => decodePackTrailer(trailer.subarray(1), 'pack p'),
    (e) => isCodedError(e, 'data_loss'),
  );
});
