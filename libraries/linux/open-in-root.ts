import { closeSync, constants, openSync } from 'node:fs';
import { callLater, cString, declare } from './libc.ts';

/** By number, the same on every architecture, for C libraries that do not wrap it. */
const SYS_OPENAT2 = 437;
const openat2 = declare('long syscall(long, long, const uint8_t *, const uint8_t *, long)');

/** Links and ".." end at the root; links of /proc are refused (openat2(2)). */
const RESOLVE = { noMagicLinks: 0x02n, inRoot: 0x10n } as const;
const OPEN_HOW_BYTES = 24;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;

/**
 * Opens a file for reading as a process would whose root is `root`, wherever links point; a descriptor to be closed by the caller.
 * Does not wait for the other end of a fifo. Throws `not_found`.
 */
export async function openInRoot(root: string, path: string): Promise<number> {
  const folder = openSync(root, O_PATH | constants.O_DIRECTORY);
  try {
    const how = Buffer.alloc(OPEN_HOW_BYTES);
    how.writeBigUInt64LE(
      BigInt(constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC),
      0,
    );
    how.writeBigUInt64LE(RESOLVE.noMagicLinks | RESOLVE.inRoot, 16);
    const attempted = `Cannot open ${path} in ${root}`;
    return await callLater(openat2, attempted, SYS_OPENAT2, folder, cString(path), how, OPEN_HOW_BYTES);
  } finally {
    closeSync(folder);
  }
}
