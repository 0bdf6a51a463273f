import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const LADE = join(import.meta.dirname, '../cli/lade.mjs');

test('a daemon whose log nobody reads any more goes on, and ends as planned', async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-lost-log-'));
  const at = (name: string): string => join(folder.path, name);
  const places = ['--root', at('root'), '--address', at('lade.sock'), '--containerd', at('none.sock')];
  const flags = ['--bucket', `file://${at('bucket')}`, '--fill', 'full', '--restart', 'off'];
  const args = ['--', LADE, 'serve', ...places, ...flags];
  const daemon = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(daemon, 'exit');
  t.after(async () => {
    daemon.kill('SIGKILL');
    await ended;
  });
  await once(daemon.stdout, 'data');
  daemon.stderr.destroy();
  // What it tells the bucket of itself is a line of the log, too.
  while (daemon.exitCode === null && !(await readdir(at('bucket'))).includes('nodes')) await sleep(20);
  await sleep(500);
  daemon.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});
