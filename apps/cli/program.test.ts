import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const PROGRAM = join(import.meta.dirname, 'lade.mjs');

test('options of a container’s program never reach Node', async () => {
  const [first = ''] = (await readFile(PROGRAM, 'utf8')).split('\n', 1);
  const options = first.split(' ').slice(3);
  const line = ['exec', '--address', '/no/daemon.sock', 'web', 'env', '--env-file', '/in/the/container'];
  const run = promisify(execFile)(process.execPath, [...options, PROGRAM, ...line]);
  await assert.rejects(run, { code: 1, stderr: /^lade: Cannot reach the daemon/ });
});
