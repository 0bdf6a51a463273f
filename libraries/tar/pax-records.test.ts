import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedTar } from './malformed-tar.ts';
import { formatPaxRecord, formatPaxTime, parsePaxRecords, parsePaxTime, paxXattrs } from './pax-records.ts';

test('formatPaxRecord() counts its own length, also where a digit more makes it longer', () => {
  assert.equal(formatPaxRecord('path', 'a'), '9 path=a\n');
  assert.equal(formatPaxRecord('path', 'ab'), '11 path=ab\n');
  for (let length = 0; length < 1100; length++) {
    const record = formatPaxRecord('path', 'x'.repeat(length));
    assert.equal(parseInt(record, 10), record.length);
  }
});

test('parsePaxRecords() reads values with any byte, and the last of equal keywords', () => {
  const value = 'a=b\nc\0\xff';
  const text = formatPaxRecord('path', 'old') + formatPaxRecord('path', value) + formatPaxRecord('empty', '');
  assert.deepEqual(
    [...parsePaxRecords(text)],
    [
      ['path', value],
      ['empty', ''],
    ],
  );
  assert.equal(parsePaxRecords('').size, 0);
});

test('parsePaxRecords() folds the repeated records of sparse format 0.0 into one map', () => {
  const text = ['offset', '0', 'numbytes', '5', 'offset', '9', 'numbytes', '1'];
  let records = '';
  for (let i = 0; i < text.length; i += 2) records += formatPaxRecord(`GNU.sparse.${text[i]}`, text[i + 1]!);
  assert.equal(parsePaxRecords(records).get('GNU.sparse.map'), '0,5,9,1');
});

test('parsePaxRecords() refuses records that do not add up', () => {
  const bad = ['10 path=a', '10 path=ab', '11 path=a\n', '8 path=a\n', 'path=a\n', '0 a=b\n', '-6 k=v\n'];
  for (const text of [...bad, '5 =v\n', '5 kv\n', '10 path=a\n\0', '99999999999999999999 k=v\n', ' 6 k=v\n'])
    assert.throws(() => parsePaxRecords(text), MalformedTar, JSON.stringify(text));
});

test('parsePaxTime() and formatPaxTime() agree on both sides of the epoch', () => {
  const times: [string, number, number][] = [
    ['0', 0, 0],
    ['1700000000.123456789', 1_700_000_000, 123_456_789],
    ['1.5', 1, 500_000_000],
    ['-1', -1, 0],
    ['-0.5', -1, 500_000_000],
    ['-1.25', -2, 750_000_000],
    ['-2.000000001', -3, 999_999_999],
  ];
  for (const [text, seconds, nanoseconds] of times) {
    assert.deepEqual(parsePaxTime(text), { seconds, nanoseconds });
    assert.equal(formatPaxTime(seconds, nanoseconds), text);
  }
  assert.deepEqual(parsePaxTime('3.1234567899'), { seconds: 3, nanoseconds: 123_456_789 });
  assert.deepEqual(parsePaxTime('3.'), { seconds: 3, nanoseconds: 0 });
  for (const bad of ['', '-', '.5', '1.x', '1e3', '+1', '1.-5', '99999999999999999'])
    assert.equal(parsePaxTime(bad), undefined, bad);
});

test('paxXattrs() knows both spellings and prefers the plain one', () => {
  const records = new Map([
    ['LIBARCHIVE.xattr.user.a%3Db', Buffer.from('one').toString('base64')],
    ['SCHILY.xattr.user.c', 'two\xff'],
    ['LIBARCHIVE.xattr.user.c', Buffer.from('ignored').toString('base64')],
    ['SCHILY.acl.access', 'not an xattr'],
  ]);
  assert.deepEqual(
    [...paxXattrs(records)].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    [
      ['user.a=b', 'one'],
      ['user.c', 'two\xff'],
    ],
  );
});
