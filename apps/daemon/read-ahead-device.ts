import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One for each mounted file system (Documentation/ABI/testing/sysfs-class-bdi). */
const DEVICES = '/sys/class/bdi';
/** What the kernel reads around a page that is asked for, as long as it is told nothing else. */
const USUAL_KB = 128;
/** A number that nobody else sets: less makes more questions, more makes more bytes. */
const LITTLE_KB = 44;

/** How far the kernel reads ahead below one mount. A wish: where the kernel does not let it be told, nothing happens. */
export interface ReadAheadDevice {
  readLittle(): Promise<void>;
  readAsUsual(): Promise<void>;
}

let turn: Promise<unknown> = Promise.resolve();

/**
 * Mounts an EROFS, and finds its device. One mount at a time, since nothing but its being new tells which device is whose;
 * undefined where somebody else has mounted one in the same moment.
 */
export async function findReadAheadDevice(mount: () => Promise<void>): Promise<ReadAheadDevice | undefined> {
  const found = turn.then(async () => {
    const before = await listDevices();
    await mount();
    const added = (await listDevices()).filter((name) => !before.includes(name));
    const [name] = added;
    return added.length === 1 && name !== undefined ? deviceOf(name) : undefined;
  });
  turn = found.catch(() => {});
  return found;
}

/** Undoes what daemons that were killed meanwhile have left. */
export async function readAllAsUsual(): Promise<void> {
  for (const name of await listDevices()) {
    const kb = await readFile(fileOf(name), 'utf8').catch(() => '');
    if (Number(kb) === LITTLE_KB) await deviceOf(name).readAsUsual();
  }
}

function deviceOf(name: string): ReadAheadDevice {
  const set = async (kb: number): Promise<void> => writeFile(fileOf(name), String(kb)).catch(() => {});
  return { readLittle: async () => set(LITTLE_KB), readAsUsual: async () => set(USUAL_KB) };
}

function fileOf(name: string): string {
  return join(DEVICES, name, 'read_ahead_kb');
}

async function listDevices(): Promise<string[]> {
  const names = await readdir(DEVICES).catch(() => []);
  return names.filter((name) => name.startsWith('erofs-'));
}
