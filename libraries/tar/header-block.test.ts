import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELD, isHeaderBlock, readNumber, readText } from './header-block.ts';
import { MalformedTar } from './malformed-tar.ts';
import { rawHeader } from './testing/members.ts';

function numberIn(field: string | number[]): number {
  const bytes = typeof field === 'string' ? Buffer.from(field, 'latin1') : Buffer.from(field);
  return readNumber(bytes, 0, bytes.byteLength, 'test');
}

test('readNumber() reads octal with any mix of leading and trailing spaces and NULs', () => {
  for (const field of ['0000644\0', '   644 \0', '\x00\x00644\0\0', '644 ', '0000644', '644 9'])
    assert.equal(numberIn(field), 0o644, JSON.stringify(field));
  for (const field of ['\0\0\0', '   ', ' \0 ']) assert.equal(numberIn(field), 0);
  assert.equal(numberIn('777777777777'), 8 ** 12 - 1);
});

test('readNumber() reads base-256 in both signs', () => {
  assert.equal(numberIn([0x80, 0, 0, 0, 0, 0, 1, 0]), 256);
  assert.equal(numberIn([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), -1);
  assert.equal(numberIn([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff]), -257);
  assert.equal(numberIn([0x80, 0x1f, 255, 255, 255, 255, 255, 255]), Number.MAX_SAFE_INTEGER);
});

test('readNumber() refuses other text and what a double cannot hold', () => {
  for (const field of ['8', '12x', '-1', '0x1', [0x80, 0x20, 0, 0, 0, 0, 0, 0], Array(12).fill(0xbf)])
    assert.throws(() => numberIn(field as string), MalformedTar);
});

test('readText() ends at the first NUL or with the field', () => {
  const bytes = Buffer.from('abc\0def\xff', 'latin1');
  assert.equal(readText(bytes, 0, 7), 'abc');
  assert.equal(readText(bytes, 4, 3), 'def');
  assert.equal(readText(bytes, 3, 4), '');
  assert.equal(readText(bytes, 4, 4), 'def\xff');
});

test('isHeaderBlock() accepts the unsigned and the signed sum and no other', () => {
  const block = rawHeader({ name: 'caf\xe9\xff' });
  assert.ok(isHeaderBlock(block, 0));
  const unsigned = readNumber(block, FIELD.checksum, 8, 'checksum');
  block.write(`${(unsigned - 2 * 256).toString(8)}\0 `, FIELD.checksum, 'latin1');
  assert.ok(isHeaderBlock(block, 0));
  block.write(`${(unsigned - 256).toString(8)}\0 `, FIELD.checksum, 'latin1');
  assert.throws(() => isHeaderBlock(block, 0), /checksum/);
  assert.ok(!isHeaderBlock(Buffer.alloc(512), 0));
});
