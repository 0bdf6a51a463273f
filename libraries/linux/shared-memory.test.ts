import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSharedMemory, mapSharedMemory } from './index.ts';

test('what one mapping writes, or read(2) puts there, every other sees', (t) => {
  const memory = createSharedMemory('lade-test', 8192);
  const commandLine = openSync('/proc/self/cmdline', 'r');
  t.after(() => [memory, commandLine].forEach((descriptor) => closeSync(descriptor)));
  const [one, other] = [mapSharedMemory(memory), mapSharedMemory(memory)];
  assert.deepEqual([one.length, other[5000]], [8192, 0]);
  one[5000] = 7;
  assert.equal(other[5000], 7);
  const count = readSync(commandLine, one, 0, 4096, null);
  assert.ok(count > 0);
  assert.deepEqual(other.subarray(0, count), one.subarray(0, count));
});

test('what a process wrote that was killed at once is there', (t) => {
  const memory = createSharedMemory('lade-test', 4096);
  t.after(() => closeSync(memory));
  const script = `
    import { mapSharedMemory } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    mapSharedMemory(3).write('written');
    process.kill(process.pid, 'SIGKILL');`;
  const arguments_ = ['--input-type=module', '--eval', script];
  const { signal } = spawnSync(process.execPath, arguments_, {
    stdio: ['ignore', 'inherit', 'inherit', memory],
  });
  assert.equal(signal, 'SIGKILL');
  assert.equal(mapSharedMemory(memory).toString('latin1', 0, 7), 'written');
});
