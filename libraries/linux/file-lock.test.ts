import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { lockFile } from './index.ts';

test('lockFile() keeps a second owner out, names the first, and ends when it is killed', async (t) => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-lock-'));
  const [path, script] = [join(root.path, 'lock'), join(root.path, 'hold.mjs')];
  writeFileSync(
    script,
    `import { lockFile } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
     globalThis.held = lockFile(${JSON.stringify(path)});
     process.send('held');
     process.on('message', () => {});`,
  );
  const owner = fork(script);
  t.after(() => owner.kill('SIGKILL'));
  await once(owner, 'message');
  assert.throws(
    () => lockFile(path),
    (error) =>
      isCodedError(error, 'failed_precondition') &&
      error.message === `Cannot lock ${path}: held by another process (process ${owner.pid})` &&
      error.cure !== undefined,
  );
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  const lock = lockFile(path);
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  lock[Symbol.dispose]();
});

test('lockFile() lets go when disposed, once or twice', () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-lock-'));
  const path = join(root.path, 'lock');
  const first = lockFile(path);
  assert.throws(
    () => lockFile(path),
    (error) => isCodedError(error, 'failed_precondition'),
  );
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  lockFile(path)[Symbol.dispose]();
});

test('lockFile() names a folder that is not there', () => {
  assert.throws(
    () => lockFile('/nonexistent/lock'),
    (error) => isCodedError(error, 'not_found') && error.message.includes('/nonexistent/lock'),
  );
});
