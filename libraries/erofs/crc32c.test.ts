import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from './crc32c.ts';

test('crc32c() gives the well-known check value before its final inversion', () => {
  assert.equal(~crc32c(Buffer.from('123456789')) >>> 0, 0xe306_9283);
  assert.equal(crc32c(new Uint8Array()), 0xffff_ffff);
});
