import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { ChildProgram } from './child-program.ts';

test('ChildProgram tells why a program did not come up, with the end of its log', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-child-'));
  const logFile = join(folder.path, 'log');
  await using child = await ChildProgram.start({
    command: 'sh',
    args: ['-c', 'echo no port left; exit 3'],
    logFile,
  });
  await assert.rejects(
    child.waitUntil(async () => false),
    (e) =>
      isCodedError(e, 'unavailable') &&
      /ended with 3/.test(e.message) &&
      /no port/.test(String(e.details['log'])),
  );
});

test('ChildProgram ends its program on disposal', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-child-'));
  const child = await ChildProgram.start({
    command: 'sleep',
    args: ['1000'],
    logFile: join(folder.path, 'log'),
  });
  const { pid } = child;
  assert.ok(process.kill(pid, 0));
  await child[Symbol.asyncDispose]();
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
