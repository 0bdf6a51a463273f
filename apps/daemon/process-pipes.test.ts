import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Output, Pipes } from '@lade/containers';
import { createProcessPipes } from './process-pipes.ts';

function start(pipes: Pipes, command: string): Promise<unknown> {
  const { stdin = '/dev/null', stdout = '/dev/null', stderr = '/dev/null' } = pipes.streams;
  const redirected = `exec <${stdin} >${stdout} 2>${stderr}; ${command}`;
  const child = spawn('sh', ['-c', redirected], { stdio: 'ignore' });
  return once(child, 'exit');
}

function textOf(outputs: readonly Output[], stream: Output['stream']): string {
  return Buffer.concat(
    outputs.filter((output) => output.stream === stream).map(({ bytes }) => bytes),
  ).toString();
}

test('a process reads what is written and writes what is read, to the last byte, and nothing stays', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-pipes-'));
  const openPipes = await createProcessPipes(folder.path);
  {
    await using pipes = await openPipes(['stdin', 'stdout', 'stderr']);
    const exit = start(pipes, 'head -c 300000 | tr a b; echo err >&2');
    const all = Array.fromAsync(pipes.output());
    for (let i = 0; i < 3; i++) await pipes.write(Buffer.alloc(100_000, 'a'));
    const outputs = await all;
    assert.equal(textOf(outputs, 'stdout'), 'b'.repeat(300_000));
    assert.equal(textOf(outputs, 'stderr'), 'err\n');
    await exit;
  }
  assert.deepEqual(await readdir(folder.path), []);
});

test('a process that nobody reads from is held up, and one that does not read holds its writer up', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-pipes-'));
  await using pipes = await (await createProcessPipes(folder.path))(['stdin', 'stdout']);
  const before = process.memoryUsage().arrayBuffers;
  let hasEnded = false;
  const exit = start(pipes, 'head -c 50000000 /dev/zero').then(() => (hasEnded = true));
  const output = pipes.output();
  await output.next();
  let isWritten = false;
  const written = pipes.write(Buffer.alloc(1_000_000)).then(() => (isWritten = true));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!hasEnded && !isWritten);
  assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000);
  for await (const _ of output);
  await exit;
  const reader = openSync(pipes.streams.stdin ?? '', 'r');
  spawn('head', ['-c', '1000000'], { stdio: [reader, 'ignore', 'ignore'] });
  await written;
  closeSync(reader);
});
