import { isCodedError } from '@lade/errors';
import { callNow, cString, declare, printable } from './libc.ts';

const calls = {
  list: declare('int64_t listxattr(const uint8_t *, uint8_t *, size_t)'),
  llist: declare('int64_t llistxattr(const uint8_t *, uint8_t *, size_t)'),
  get: declare('int64_t getxattr(const uint8_t *, const uint8_t *, uint8_t *, size_t)'),
  lget: declare('int64_t lgetxattr(const uint8_t *, const uint8_t *, uint8_t *, size_t)'),
  set: declare('int setxattr(const uint8_t *, const uint8_t *, const uint8_t *, size_t, int)'),
  lset: declare('int lsetxattr(const uint8_t *, const uint8_t *, const uint8_t *, size_t, int)'),
};

/** The kernel's own limit for a value and for a list of names (limits.h, XATTR_SIZE_MAX), so that one call is enough. */
const MAX_BYTES = 65_536;
const scratch = Buffer.alloc(MAX_BYTES);

export interface XattrOptions {
  /** Look through a symbolic link at the end of the path; by default the link itself is meant. */
  readonly follow?: boolean;
}

/** Names as byte strings (one char is one byte), such as `trusted.overlay.opaque`. A text path is UTF-8, as in node:fs. */
export function listXattrs(path: string | Uint8Array, { follow = false }: XattrOptions = {}): string[] {
  const attempted = (): string => `Cannot list extended attributes of ${printable(path)}`;
  const length = callNow(follow ? calls.list : calls.llist, attempted, cString(path), scratch, MAX_BYTES);
  return scratch.toString('latin1', 0, length).split('\0').slice(0, -1);
}

/** The value, or undefined where there is no such attribute. `name` is a byte string. */
export function getXattr(
  path: string | Uint8Array,
  name: string,
  { follow = false }: XattrOptions = {},
): Uint8Array | undefined {
  const attempted = (): string => `Cannot read extended attribute ${name} of ${printable(path)}`;
  const call = follow ? calls.get : calls.lget;
  try {
    const length = callNow(call, attempted, cString(path), cString(name, 'latin1'), scratch, MAX_BYTES);
    return Uint8Array.prototype.slice.call(scratch, 0, length);
  } catch (reason) {
    if (isCodedError(reason) && reason.details['errno'] === 'ENODATA') return undefined;
    throw reason;
  }
}

/** Creates or replaces. `name` is a byte string. */
export function setXattr(
  path: string | Uint8Array,
  name: string,
  value: Uint8Array,
  { follow = false }: XattrOptions = {},
): void {
  const attempted = (): string => `Cannot set extended attribute ${name} of ${printable(path)}`;
  const texts = [cString(path), cString(name, 'latin1')] as const;
  callNow(follow ? calls.set : calls.lset, attempted, ...texts, value, value.byteLength, 0);
}
