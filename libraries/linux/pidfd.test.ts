import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempDisposableSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { copyDescriptors } from './index.ts';

test('copyDescriptors() shares the open file of another process, offset included', async (t) => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-pidfd-'));
  const path = join(root.path, 'file');
  writeFileSync(path, '0123456789');
  const file = openSync(path, 'r');
  const other = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  t.after(() => other.kill('SIGKILL'));
  await once(other, 'spawn');
  const [copy = -1] = copyDescriptors(other.pid ?? 0, [3]);
  t.after(() => [file, copy].forEach((descriptor) => closeSync(descriptor)));
  const bytes = Buffer.alloc(4);
  readSync(file, bytes, 0, 4, null);
  readSync(copy, bytes, 0, 4, null);
  assert.equal(bytes.toString(), '4567');
  assert.match(readFileSync(`/proc/self/fdinfo/${copy}`, 'utf8'), /flags:\s+02/, 'close-on-exec');
});

test('copyDescriptors() copies all or none, and names the process', () => {
  const before = readdirSync('/proc/self/fd').length;
  assert.throws(
    () => copyDescriptors(process.pid, [0, 1, 1 << 20]),
    (error) =>
      isCodedError(error) &&
      error.details['errno'] === 'EBADF' &&
      error.message.startsWith(`Cannot copy descriptors of process ${process.pid}: EBADF`),
  );
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('copyDescriptors() tells that a process is gone', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  assert.throws(
    () => copyDescriptors(child.pid ?? 0, [0]),
    (error) => isCodedError(error) && error.details['errno'] === 'ESRCH',
  );
});
