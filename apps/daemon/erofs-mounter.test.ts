import assert from 'node:assert/strict';
import { mkdtempDisposable, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import { createErofsMounter } from './erofs-mounter.ts';
import { readAllAsUsual } from './read-ahead-device.ts';
import { writeTinyLayer } from './tiny-layer.ts';

const DEVICES = '/sys/class/bdi';
const [LITTLE, USUAL] = ['44', '128'];

/** Other daemons of this machine may mount, or start, in between. */
const ATTEMPTS = 20;

testInPrivateMounts(import.meta.filename, () => {
  test('the kernel reads little ahead below a mount until its start is over, or the next daemon comes', async () => {
    let seen: readonly string[] = [];
    for (let i = 0; i < ATTEMPTS && String(seen) !== String([LITTLE, USUAL]); i++) {
      const start = Promise.withResolvers<void>();
      seen = await observe(start.promise, async () => start.resolve());
    }
    assert.deepEqual(seen, [LITTLE, USUAL]);
    seen = [];
    for (let i = 0; i < ATTEMPTS && String(seen) !== String([LITTLE, USUAL]); i++)
      seen = await observe(new Promise<void>(() => {}), readAllAsUsual);
    assert.deepEqual(seen, [LITTLE, USUAL]);
  });
});

/** How far the kernel reads ahead below a new mount, and after `change`. */
async function observe(started: Promise<void>, change: () => Promise<void>): Promise<readonly string[]> {
  const mounter = createErofsMounter();
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-mounter-'));
  const { metadata, blob, target } = await writeTinyLayer(folder.path, 'text');
  const before = await listDevices();
  await mounter.mount({ metadata, blob }, target, { mode: 'fanotify', started });
  await using _ = { [Symbol.asyncDispose]: async () => mounter.unmount(target) };
  const [device, ...others] = (await listDevices()).filter((name) => !before.includes(name));
  if (device === undefined || others.length > 0) return [];
  const first = await readAheadOf(device);
  await change();
  await sleep(20);
  return [first, await readAheadOf(device)];
}

async function listDevices(): Promise<string[]> {
  return (await readdir(DEVICES)).filter((name) => name.startsWith('erofs-'));
}

async function readAheadOf(device: string): Promise<string> {
  return (await readFile(join(DEVICES, device, 'read_ahead_kb'), 'utf8')).trim();
}
