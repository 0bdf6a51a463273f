import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deepestCgroup, readCgroup } from './index.ts';

test('deepestCgroup() is the one path of version 2, and the deepest of version 1', () => {
  assert.equal(deepestCgroup('0::/system.slice/a.scope\n'), '/system.slice/a.scope');
  assert.equal(deepestCgroup('0::/\n'), '/');
  const hybrid = ['9:name=systemd:/', '4:memory:/default/c', '2:cpu,cpuacct:/default/c/inner', '0::/', ''];
  assert.equal(deepestCgroup(hybrid.join('\n')), '/default/c/inner');
  assert.equal(deepestCgroup('3:cpu:/with:a/colon\n'), '/with:a/colon');
  for (const text of ['', 'nonsense', '1:cpu:']) assert.equal(deepestCgroup(text), undefined, text);
});

test('readCgroup() tells of a process that lives, and of no other', async () => {
  const own = readFileSync('/proc/self/cgroup', 'utf8');
  assert.ok(own.includes(`:${readCgroup(process.pid)}\n`));
  const child = spawn('true');
  await once(child, 'close');
  for (const pid of [child.pid ?? 0, 0, -1]) assert.equal(readCgroup(pid), undefined, String(pid));
});
