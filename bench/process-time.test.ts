import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findProcess, readCpuMs } from './process-time.ts';

test('the processor time of this process is what Node says it is', async () => {
  const deadline = performance.now() + 200;
  while (performance.now() < deadline) continue;
  const { user, system } = process.cpuUsage();
  assert.ok(Math.abs((await readCpuMs(process.pid)) - (user + system) / 1000) < 50);
});

test('a process is found by its whole command line', async () => {
  const args = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1);
  assert.equal(await findProcess(args), process.pid);
  await assert.rejects(findProcess([...args, 'more']), RangeError);
});
