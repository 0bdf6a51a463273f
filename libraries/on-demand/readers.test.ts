import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { readCgroup } from '@lade/linux';
import { Readers } from './readers.ts';

test('a process is looked up again after a second, and nobody is a process without a number', async () => {
  let now = 0;
  const readers = new Readers(() => now);
  const child = spawn('sleep', ['1000']);
  const pid = child.pid ?? 0;
  const group = readCgroup(process.pid);
  assert.equal(readers.readerOf(pid), group);
  child.kill('SIGKILL');
  await once(child, 'close');
  now = 999;
  assert.equal(readers.readerOf(pid), group);
  now = 1_000;
  assert.equal(readers.readerOf(pid), '');
  assert.equal(readers.readerOf(0), '');
});
