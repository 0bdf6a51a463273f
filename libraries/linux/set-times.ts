import { callNow, cString, declare, printable } from './libc.ts';

const utimensat = declare('int utimensat(int, const uint8_t *, const uint8_t *, int)');
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const SECOND = 1_000_000_000n;

/**
 * utimensat(2): to the nanosecond, which fs.utimes cannot. Times are nanoseconds since 1970, negative before; a symbolic
 * link at the end of the path is not followed. A text path is UTF-8, as in node:fs.
 */
export function setTimes(
  path: string | Uint8Array,
  times: { readonly accessedNs: bigint; readonly modifiedNs: bigint },
): void {
  const attempted = (): string => `Cannot set times of ${printable(path)}`;
  const specs = Buffer.concat([timespec(times.accessedNs), timespec(times.modifiedNs)]);
  callNow(utimensat, attempted, AT_FDCWD, cString(path), specs, AT_SYMLINK_NOFOLLOW);
}

/** struct timespec: seconds (i64 at 0), nanoseconds 0–999,999,999 (i64 at 8). */
function timespec(ns: bigint): Buffer {
  const rest = ((ns % SECOND) + SECOND) % SECOND;
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64LE((ns - rest) / SECOND, 0);
  bytes.writeBigInt64LE(rest, 8);
  return bytes;
}
