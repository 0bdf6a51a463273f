import { corruptImage } from './corrupt-image.ts';
import { alignUp } from './geometry.ts';
import { MAX_XATTR_AREA_BYTES } from './inode-record.ts';
import { writeByteString } from './write-byte-string.ts';

type Xattrs = ReadonlyMap<string, Uint8Array>;

/*
 * The area behind an inode that has xattrs: 12 zero bytes (nothing is shared, no name filter), then entries, each padded
 * to a multiple of 4
 *
 *   offset size  meaning
 *        0    1  length of the name without its prefix
 *        1    1  prefix index
 *        2    2  length of the value
 *        4       name, then value
 */
const HEADER_BYTES = 12;
const ENTRY_BYTES = 4;
const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 0xffff;

const OPEN_PREFIXES: readonly (readonly [string, number])[] = [
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
];
const WHOLE_NAMES: readonly (readonly [string, number])[] = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
];
const PREFIX_BY_INDEX = new Map([...OPEN_PREFIXES, ...WHOLE_NAMES].map(([prefix, index]) => [index, prefix]));
const BYTE_STRING = /^[^\0\u0100-\uffff]+$/;

/** Whether EROFS has a place for this name: `user.*`, `trusted.*`, `security.*` and the two POSIX ACLs. */
export function isXattrSupported(name: string): boolean {
  return splitName(name) !== undefined;
}

/** Why these cannot be stored, or undefined if they can. */
export function xattrsFault(xattrs: Xattrs): string | undefined {
  for (const [name, value] of xattrs) {
    if (!isXattrSupported(name)) return `EROFS has no place for the xattr ${JSON.stringify(name)}`;
    if (value.byteLength > MAX_VALUE_BYTES)
      return `the xattr ${name} has ${value.byteLength} bytes, more than ${MAX_VALUE_BYTES}`;
  }
  const bytes = xattrAreaBytes(xattrs);
  return bytes > MAX_XATTR_AREA_BYTES
    ? `its xattrs take ${bytes} bytes, more than ${MAX_XATTR_AREA_BYTES}`
    : undefined;
}

/** The size of the area: 0 without xattrs, else a multiple of 4. */
export function xattrAreaBytes(xattrs: Xattrs): number {
  if (xattrs.size === 0) return 0;
  let bytes = HEADER_BYTES;
  for (const [name, value] of xattrs)
    bytes += entryBytes(splitName(name)?.suffix.length ?? 0, value.byteLength);
  return bytes;
}

/** Writes the area into zeroed bytes, ordered by name. The xattrs have no fault. */
export function encodeXattrs(target: DataView, at: number, xattrs: Xattrs): void {
  let cursor = at + HEADER_BYTES;
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { index, suffix } = splitName(name) ?? { index: 0, suffix: name };
    target.setUint8(cursor, suffix.length);
    target.setUint8(cursor + 1, index);
    target.setUint16(cursor + 2, value.byteLength, true);
    writeByteString(target, cursor + ENTRY_BYTES, suffix);
    const valueAt = target.byteOffset + cursor + ENTRY_BYTES + suffix.length;
    new Uint8Array(target.buffer, valueAt, value.byteLength).set(value);
    cursor += entryBytes(suffix.length, value.byteLength);
  }
}

const NONE: ReadonlyMap<string, Uint8Array> = new Map();

/** Reads a whole area; throws `data_loss` unless `encodeXattrs()` could have written it. */
export function decodeXattrs(area: Buffer, nid: number): ReadonlyMap<string, Uint8Array> {
  if (area.length === 0) return NONE;
  const xattrs = new Map<string, Uint8Array>();
  if (area.subarray(0, HEADER_BYTES).some((byte) => byte !== 0))
    throw corruptImage(nid, 'its xattr area has shared entries or a name filter');
  let cursor = HEADER_BYTES;
  while (cursor < area.length) {
    const suffixBytes = area.readUInt8(cursor);
    const valueAt = cursor + ENTRY_BYTES + suffixBytes;
    const valueEnd = valueAt + area.readUInt16LE(cursor + 2);
    if (valueEnd > area.length) throw corruptImage(nid, 'an xattr reaches beyond its area');
    const prefix = PREFIX_BY_INDEX.get(area.readUInt8(cursor + 1));
    const name = `${prefix}${area.toString('latin1', cursor + ENTRY_BYTES, valueAt)}`;
    if (prefix === undefined || !isXattrSupported(name) || xattrs.has(name))
      throw corruptImage(nid, `it has an impossible or repeated xattr ${JSON.stringify(name)}`);
    xattrs.set(name, Uint8Array.from(area.subarray(valueAt, valueEnd)));
    cursor = alignUp(valueEnd, ENTRY_BYTES);
  }
  return xattrs;
}

function entryBytes(suffixBytes: number, valueBytes: number): number {
  return alignUp(ENTRY_BYTES + suffixBytes + valueBytes, ENTRY_BYTES);
}

function splitName(name: string): { index: number; suffix: string } | undefined {
  for (const [whole, index] of WHOLE_NAMES) if (name === whole) return { index, suffix: '' };
  if (name.length > MAX_NAME_BYTES || !BYTE_STRING.test(name)) return undefined;
  for (const [prefix, index] of OPEN_PREFIXES)
    if (name.startsWith(prefix) && name.length > prefix.length)
      return { index, suffix: name.slice(prefix.length) };
  return undefined;
}
