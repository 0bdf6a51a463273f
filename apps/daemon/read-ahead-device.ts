import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One for each mounted file system (Documentation/ABI/testing/sysfs-class-bdi). */
const DEVICES = '/sys/class/bdi';
/** What a new mount gets (VM_READAHEAD_PAGES). */
const DEFAULT_KB = 128;
/** A number that nobody else sets: less makes more questions, more makes more bytes. */
const LITTLE_KB = 44;

let turn: Promise<unknown> = Promise.resolve();

/**
 * Mounts an EROFS, below which the kernel reads little ahead until `started`. A wish: where the kernel does not let it be told,
 * or somebody else has mounted one in the same moment, it reads as it is used to. One mount at a time, since nothing but its being new tells which
 * device is whose.
 */
export async function mountReadingLittle(mount: () => Promise<void>, started: Promise<void>): Promise<void> {
  const found = turn.then(async () => {
    const before = await listDevices();
    await mount();
    return (await listDevices()).filter((name) => !before.includes(name));
  });
  turn = found.catch(() => {});
  const [device, ...others] = await found;
  if (device === undefined || others.length > 0) return;
  const usual = await readKilobytes(device);
  await setKilobytes(device, LITTLE_KB);
  void started.then(async () => setKilobytes(device, usual));
}

/** Undoes what daemons that were killed meanwhile have left. */
export async function readAllAsUsual(): Promise<void> {
  for (const device of await listDevices())
    if ((await readKilobytes(device)) === LITTLE_KB) await setKilobytes(device, DEFAULT_KB);
}

async function listDevices(): Promise<string[]> {
  const names = await readdir(DEVICES).catch(() => []);
  return names.filter((name) => name.startsWith('erofs-'));
}

/** Zero where the mount is gone. */
async function readKilobytes(device: string): Promise<number> {
  return Number(await readFile(fileOf(device), 'utf8').catch(() => 0));
}

async function setKilobytes(device: string, kilobytes: number): Promise<void> {
  await writeFile(fileOf(device), String(kilobytes)).catch(() => {});
}

function fileOf(device: string): string {
  return join(DEVICES, device, 'read_ahead_kb');
}
