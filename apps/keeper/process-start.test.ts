import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStart } from './process-start.ts';

test('processStart() stays the same while a process runs, and tells it from others', async (t) => {
  const own = processStart(process.pid);
  assert.match(own ?? '', /^\d+$/);
  assert.equal(processStart(process.pid), own);
  await sleep(20);
  const child = spawn('sleep', ['600']);
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  assert.notEqual(processStart(child.pid ?? 0), own);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(processStart(child.pid ?? 0), undefined);
});

test('processStart() is undefined for a zombie', async (t) => {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(String(line));
  while (!readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) await sleep(5);
  assert.equal(processStart(pid), undefined);
});
