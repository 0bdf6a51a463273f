import { randomInt } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ByteSource } from '@lade/streams';

/** Writes a new file onto the disk and returns its stats. */
export async function writeDurably(path: string, body: ByteSource): Promise<BigIntStats> {
  await using file = await open(path, 'wx', 0o644);
  for await (const chunk of body) await file.writeFile(chunk);
  await file.utimes(new Date(), uniqueTime());
  await file.sync();
  return await file.stat({ bigint: true });
}

/** Makes the folder of a file with all above it; returns the first that must be synced for all of them to last. */
export async function makeFolderOf(path: string): Promise<string> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o755 });
  return made === undefined ? folder : dirname(made);
}

/** Puts on the disk what the folders from that of `path` up to `top` list. */
export async function syncFolders(path: string, top: string): Promise<void> {
  let folder = path;
  do {
    folder = dirname(folder);
    await using handle = await open(folder, 'r');
    await handle.sync();
  } while (folder !== top);
}

/** Seconds; random below the millisecond, because the kernel's clock ticks slower than files follow each other. */
function uniqueTime(): number {
  return (Date.now() + randomInt(1000) / 1000) / 1000;
}
