import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempDisposable, open, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readMounts } from '@lade/linux';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import type { MountManner } from '@lade/residency';
import { createErofsMounter } from './erofs-mounter.ts';
import { readAllAsUsual } from './read-ahead-device.ts';
import { writeTinyLayer } from './tiny-layer.ts';

const DEVICES = '/sys/class/bdi';
const [LITTLE, USUAL] = ['44', '128'];

/** Other daemons of this machine may mount, or start, in between. */
const ATTEMPTS = 20;
const LOOKS = 1_000;

testInPrivateMounts(import.meta.filename, () => {
  test('the kernel reads little ahead below a mount until its start is over, or the next daemon comes', async () => {
    let seen: readonly string[] = [];
    for (let i = 0; i < ATTEMPTS && String(seen) !== String([LITTLE, USUAL]); i++) {
      const start = Promise.withResolvers<void>();
      seen = await observe({ started: start.promise }, async () => start.resolve());
    }
    assert.deepEqual(seen, [LITTLE, USUAL]);
    seen = [];
    for (let i = 0; i < ATTEMPTS && String(seen) !== String([LITTLE, USUAL]); i++)
      seen = await observe({ started: new Promise<void>(() => {}) }, readAllAsUsual);
    assert.deepEqual(seen, [LITTLE, USUAL]);
  });

  test('the kernel reads as far ahead as below, once the start is over and all is here', async () => {
    const expected = [LITTLE, USUAL, String(Math.max(await readAheadBelow(tmpdir()), Number(USUAL)))];
    let seen: readonly string[] = [];
    for (let i = 0; i < ATTEMPTS && String(seen) !== String(expected); i++) {
      const [start, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const steps = [async () => start.resolve(), async () => end.resolve()];
      seen = await observe({ started: start.promise, whole: end.promise }, ...steps);
    }
    assert.deepEqual(seen, expected);
  });

  test('EROFS reads blobs directly once the start is over, and goes on to serve what is open', async () => {
    const mounter = createErofsMounter();
    await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-mounter-'));
    const { metadata, blob, target } = await writeTinyLayer(folder.path, 'text');
    await writeFile(blob, 'text', { flag: 'r+' });
    for (const mode of ['full', 'fanotify'] as const) {
      const start = Promise.withResolvers<void>();
      await mounter.mount({ metadata, blob }, target, { mode, started: start.promise });
      await using _ = { [Symbol.asyncDispose]: async () => mounter.unmount(target) };
      await using file = await open(join(target, 'file'));
      assert.ok(!(await optionsOf(target)).includes('directio'));
      start.resolve();
      for (let i = 0; i < LOOKS && !(await optionsOf(target)).includes('directio'); i++) await sleep(5);
      assert.ok(
        (await optionsOf(target)).includes('directio'),
        'this kernel, or this daemon, does not read directly',
      );
      assert.equal(await file.readFile('utf8'), 'text');
    }
  });
});

async function optionsOf(target: string): Promise<readonly string[]> {
  return (await readMounts()).find(({ mountPoint }) => mountPoint === target)?.superOptions ?? [];
}

/** How far the kernel reads ahead below a new mount, and after each of the changes. */
async function observe(
  what: Omit<MountManner, 'mode'>,
  ...changes: readonly (() => Promise<void>)[]
): Promise<readonly string[]> {
  const mounter = createErofsMounter();
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-mounter-'));
  const { metadata, blob, target } = await writeTinyLayer(folder.path, 'text');
  const before = await listDevices();
  await mounter.mount({ metadata, blob }, target, { mode: 'fanotify', ...what });
  await using _ = { [Symbol.asyncDispose]: async () => mounter.unmount(target) };
  const [device, ...others] = (await listDevices()).filter((name) => !before.includes(name));
  if (device === undefined || others.length > 0) return [];
  const seen = [await readAheadOf(device)];
  for (const change of changes) {
    await change();
    await sleep(20);
    seen.push(await readAheadOf(device));
  }
  return seen;
}

/** Of the disk that a folder lies on, as lsblk(8) tells; 0 where it lies on none. */
async function readAheadBelow(folder: string): Promise<number> {
  const run = async (...[file = '', ...args]: string[]): Promise<string> =>
    (await promisify(execFile)(file, args)).stdout.trim();
  const device = await run('findmnt', '--noheadings', '--output', 'MAJ:MIN', '--target', folder);
  const all = await run('lsblk', '--raw', '--noheadings', '--output', 'MAJ:MIN,RA');
  return Number(
    all
      .split('\n')
      .find((line) => line.startsWith(`${device.trim()} `))
      ?.split(' ')[1] ?? 0,
  );
}

async function listDevices(): Promise<string[]> {
  return (await readdir(DEVICES)).filter((name) => name.startsWith('erofs-'));
}

async function readAheadOf(device: string): Promise<string> {
  return (await readFile(join(DEVICES, device, 'read_ahead_kb'), 'utf8')).trim();
}
