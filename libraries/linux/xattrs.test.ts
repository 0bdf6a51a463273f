import assert from 'node:assert/strict';
import { mkdtempDisposableSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { getXattr, listXattrs, setXattr } from './index.ts';

test('extended attributes come back as they were set, empty and binary values included', () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-xattr-'));
  const path = join(root.path, 'file');
  writeFileSync(path, '');
  const values = { 'trusted.empty': Buffer.alloc(0), 'user.bin': Buffer.from([0, 255, 0]) };
  for (const [name, value] of Object.entries(values)) setXattr(path, name, value);
  assert.deepEqual(
    listXattrs(path)
      .filter((name) => name in values)
      .sort(),
    Object.keys(values),
  );
  for (const [name, value] of Object.entries(values)) assert.deepEqual(getXattr(path, name), value);
  assert.equal(getXattr(path, 'user.missing'), undefined);
});

test('names and paths need not be UTF-8', () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-xattr-'));
  const path = Buffer.concat([Buffer.from(`${root.path}/`), Buffer.from([0xff, 0xe9])]);
  writeFileSync(path, '');
  setXattr(path, 'user.\xff\xe9', Buffer.from('v'));
  assert.ok(listXattrs(path).includes('user.\xff\xe9'));
  assert.deepEqual(getXattr(path, 'user.\xff\xe9'), Buffer.from('v'));
});

test('a symbolic link has attributes of its own unless it is followed', () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-xattr-'));
  const [file, link] = [join(root.path, 'file'), join(root.path, 'link')];
  writeFileSync(file, '');
  symlinkSync('file', link);
  setXattr(link, 'trusted.of', Buffer.from('link'));
  setXattr(link, 'trusted.of', Buffer.from('file'), { follow: true });
  assert.deepEqual(getXattr(link, 'trusted.of'), Buffer.from('link'));
  assert.deepEqual(getXattr(file, 'trusted.of'), Buffer.from('file'));
  assert.deepEqual(getXattr(link, 'trusted.of', { follow: true }), Buffer.from('file'));
});

test('a failure names attribute and path', () => {
  assert.throws(
    () => setXattr('/nonexistent', 'user.a', Buffer.alloc(1)),
    (error) =>
      isCodedError(error, 'not_found') &&
      error.message.startsWith('Cannot set extended attribute user.a of /nonexistent: ENOENT'),
  );
});
