import { callNow, cString, declare, printable } from './libc.ts';

const mknod = declare('int mknod(const uint8_t *, unsigned int, uint64_t)');

/** File type bits of st_mode (inode(7)). */
const TYPES = { fifo: 0o010000, character: 0o020000, block: 0o060000, socket: 0o140000 } as const;

export interface NodeSpec {
  readonly type: keyof typeof TYPES;
  /** Permission bits, before the umask. */
  readonly mode: number;
  /** Of the device; 0:0 as character device is overlay's whiteout. */
  readonly major?: number;
  readonly minor?: number;
}

/** mknod(2). A text path is UTF-8, as in node:fs. Throws `already_exists` when something is there. */
export function makeNode(path: string | Uint8Array, { type, mode, major = 0, minor = 0 }: NodeSpec): void {
  const attempted = (): string => `Cannot make ${type} node ${printable(path)}`;
  callNow(mknod, attempted, cString(path), TYPES[type] | mode, deviceNumber(major, minor));
}

/** makedev(3): minor in bits 0–7 and 20–43, major in 8–19 and 44–63. */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & ~0xfffn) << 32n) | ((low & ~0xffn) << 12n) | ((high & 0xfffn) << 8n) | (low & 0xffn);
}
