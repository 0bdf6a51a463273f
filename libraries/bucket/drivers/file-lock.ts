import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';

const RETRY_MS = 2;

/** Runs `work` while no other process of this machine does so under the same lock file. The lock of a dead process is broken. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, String(process.pid));
  try {
    while (!(await tryLock(own, path))) {
      await breakDeadLock(path);
      await sleep(RETRY_MS * (1 + Math.random()));
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function tryLock(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw reason;
  }
}

/** Takes the dead lock away by renaming; one that turns out to be a living process's, taken meanwhile, is put back. */
async function breakDeadLock(path: string): Promise<void> {
  if (await isOwnerAlive(path)) return;
  const taken = `${path}.${randomUUID()}`;
  try {
    await rename(path, taken);
    if (await isOwnerAlive(taken)) await link(taken, path).catch(() => {});
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') throw reason;
  } finally {
    await rm(taken, { force: true });
  }
}

async function isOwnerAlive(path: string): Promise<boolean> {
  const pid = Number(await readFile(path, 'utf8').catch(() => String(process.pid)));
  try {
    process.kill(pid, 0);
    return true;
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code === 'EPERM';
  }
}
