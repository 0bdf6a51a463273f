import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempDisposableSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { makeNode, setTimes } from './index.ts';

test('makeNode() makes devices with the numbers that other tools read', () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-node-'));
  const path = join(root.path, 'device');
  makeNode(path, { type: 'block', mode: 0o600, major: 0x123, minor: 0x12345 });
  assert.equal(
    execFileSync('stat', ['-c', '%F %t %T', path], { encoding: 'utf8' }).trim(),
    'block special file 123 12345',
  );
  const whiteout = join(root.path, 'whiteout');
  makeNode(whiteout, { type: 'character', mode: 0 });
  assert.ok(lstatSync(whiteout).isCharacterDevice());
  assert.equal(lstatSync(whiteout).rdev, 0);
  makeNode(join(root.path, 'fifo'), { type: 'fifo', mode: 0o600 });
  assert.ok(lstatSync(join(root.path, 'fifo')).isFIFO());
  assert.throws(
    () => makeNode(whiteout, { type: 'character', mode: 0 }),
    (error) => isCodedError(error, 'already_exists'),
  );
});

test('setTimes() sets nanoseconds, before 1970 too, and not through a link', () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-node-'));
  const [file, link] = [join(root.path, 'file'), join(root.path, 'link')];
  writeFileSync(file, '');
  symlinkSync('file', link);
  setTimes(file, { accessedNs: 1n, modifiedNs: 1_234_567_890_123_456_789n });
  setTimes(link, { accessedNs: 0n, modifiedNs: -1n });
  assert.equal(lstatSync(file, { bigint: true }).mtimeNs, 1_234_567_890_123_456_789n);
  assert.equal(lstatSync(link, { bigint: true }).mtimeNs, -1n);
});
