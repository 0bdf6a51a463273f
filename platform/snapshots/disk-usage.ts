import { lstat, readdir } from 'node:fs/promises';
import type { Usage } from './snapshot.ts';

const SEPARATOR = Buffer.from('/');

/** Bytes of a block as lstat(2) counts them. */
const BLOCK_BYTES = 512;

/**
 * Allocated bytes and inodes of `directory` and all below it, each inode once, as du(1) counts. What vanishes while
 * this looks is left out.
 */
export async function diskUsage(
  directory: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Usage> {
  const linked = new Set<number>();
  const pending = [Buffer.from(directory)];
  let sizeBytes = 0;
  let inodes = 0;
  for (let path = pending.pop(); path; path = pending.pop()) {
    options.signal?.throwIfAborted();
    const found = await unlessGone(lstat(path));
    if (!found || linked.has(found.ino)) continue;
    const isDirectory = found.isDirectory();
    if (!isDirectory && found.nlink > 1) linked.add(found.ino);
    sizeBytes += found.blocks * BLOCK_BYTES;
    inodes++;
    const names = isDirectory ? await unlessGone(readdir(path, { encoding: 'buffer' })) : undefined;
    for (const name of names ?? []) pending.push(Buffer.concat([path, SEPARATOR, name]));
  }
  return { sizeBytes, inodes };
}

async function unlessGone<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (reason) {
    const { code } = reason as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw reason;
  }
}
