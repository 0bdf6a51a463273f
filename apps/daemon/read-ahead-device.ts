import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One for each mounted file system (Documentation/ABI/testing/sysfs-class-bdi). */
const DEVICES = '/sys/class/bdi';
/** What a new mount gets (VM_READAHEAD_PAGES). */
const DEFAULT_KB = 128;
/** A number that nobody else sets: less makes more questions, more makes more bytes. */
const LITTLE_KB = 44;

let turn: Promise<unknown> = Promise.resolve();

/**
 * Mounts an EROFS, and resolves with the device that tells how far the kernel reads ahead below it; undefined where somebody else has
 * mounted one in the same moment. One mount at a time, since nothing but its being new tells which device is whose.
 */
export async function mountWithDevice(mount: () => Promise<void>): Promise<string | undefined> {
  const found = turn.then(async () => {
    const before = await listDevices();
    await mount();
    return (await listDevices()).filter((name) => !before.includes(name));
  });
  turn = found.catch(() => {});
  const [device, ...others] = await found;
  return others.length === 0 ? device : undefined;
}

/** All three are wishes: the kernel need not let it be told, and the mount may be gone. */
export async function readLittleAhead(device: string): Promise<void> {
  await setKilobytes(device, LITTLE_KB);
}

export async function readAheadAsUsual(device: string): Promise<void> {
  await setKilobytes(device, DEFAULT_KB);
}

/** As far as the disk below the file system that has `file`, if there is one and that is further. */
export async function readAheadAsBelow(device: string, file: string): Promise<void> {
  const dev = (await stat(file).catch(() => undefined))?.dev;
  if (dev === undefined) return;
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & ~0xff)]; // makedev(3)
  const below = `/sys/dev/block/${major}:${minor}`;
  // A partition has no queue of its own. Not join(): it would cut the way back short, which starts where the link leads to.
  const found =
    (await readNumber(`${below}/queue/read_ahead_kb`)) ||
    (await readNumber(`${below}/../queue/read_ahead_kb`));
  if (found > DEFAULT_KB) await setKilobytes(device, found);
}

/** Undoes what daemons that were killed meanwhile have left. */
export async function readAllAsUsual(): Promise<void> {
  for (const device of await listDevices())
    if ((await readNumber(fileOf(device))) === LITTLE_KB) await readAheadAsUsual(device);
}

async function listDevices(): Promise<string[]> {
  const names = await readdir(DEVICES).catch(() => []);
  return names.filter((name) => name.startsWith('erofs-'));
}

/** Zero where there is no such device. */
async function readNumber(path: string): Promise<number> {
  return Number(await readFile(path, 'utf8').catch(() => 0));
}

async function setKilobytes(device: string, kilobytes: number): Promise<void> {
  await writeFile(fileOf(device), String(kilobytes)).catch(() => {});
}

function fileOf(device: string): string {
  return join(DEVICES, device, 'read_ahead_kb');
}
