import { MalformedTar } from './malformed-tar.ts';

/** Archives are made of blocks of this size; headers fill whole ones, data is padded to them. */
export const BLOCK_BYTES = 512;

/**
 * The header block (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"). Numbers are octal
 * text; in GNU archives also big-endian two's complement with the top bit set.
 *
 * | offset | size | field                                                                     |
 * | -----: | ---: | ------------------------------------------------------------------------- |
 * |      0 |  100 | name                                                                      |
 * |    100 |    8 | mode                                                                      |
 * |    108 |    8 | uid                                                                       |
 * |    116 |    8 | gid                                                                       |
 * |    124 |   12 | size of the data that follows                                             |
 * |    136 |   12 | mtime, seconds                                                            |
 * |    148 |    8 | checksum: sum of all bytes of the block, this field taken as spaces       |
 * |    156 |    1 | typeflag                                                                  |
 * |    157 |  100 | linkname                                                                  |
 * |    257 |    6 | magic: `ustar\0` (POSIX, star), `ustar ` (GNU), else v7 and the end of it |
 * |    263 |    2 | version                                                                   |
 * |    265 |   64 | user name, group name                                                     |
 * |    329 |    8 | device major                                                              |
 * |    337 |    8 | device minor                                                              |
 * |    345 |  155 | POSIX: prefix of the name (131 bytes if the block ends in `tar\0`: star)  |
 * |    345 |   24 | GNU: atime, ctime                                                         |
 * |    386 |   96 | GNU, typeflag S: 4 sparse regions of offset (12) and size (12)            |
 * |    482 |    1 | GNU, typeflag S: not 0 if a block of 21 more regions follows              |
 * |    483 |   12 | GNU, typeflag S: size of the file once unpacked                           |
 */
export const FIELD = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  mtime: 136,
  checksum: 148,
  type: 156,
  linkName: 157,
  magic: 257,
  major: 329,
  minor: 337,
  prefix: 345,
  sparse: 386,
  isExtended: 482,
  realSize: 483,
} as const;

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const STAR_PREFIX_BYTES = 131;
const STAR_TRAILER = 508;
const SPACE = 0x20;

/** False for the zeros that end an archive; throws for anything else whose checksum is wrong, unsigned and signed. */
export function isHeaderBlock(block: Buffer, at: number): boolean {
  let sum = 0;
  for (let i = at, end = at + BLOCK_BYTES; i < end; i += 4)
    sum += block[i]! + block[i + 1]! + block[i + 2]! + block[i + 3]!;
  if (sum === 0) return false;
  for (let i = at + FIELD.checksum; i < at + FIELD.type; i++) sum += SPACE - block[i]!;
  const stated = readNumber(block, at + FIELD.checksum, 8, 'checksum');
  if (stated !== sum && stated !== signedSum(block, at, sum))
    throw new MalformedTar('its header has a wrong checksum');
  return true;
}

/** Some historic tars added the bytes up as signed chars. */
function signedSum(block: Buffer, at: number, unsignedSum: number): number {
  let sum = unsignedSum;
  for (let i = at; i < at + BLOCK_BYTES; i++) if (block[i]! >= 0x80) sum -= 0x100;
  for (let i = at + FIELD.checksum; i < at + FIELD.type; i++) if (block[i]! >= 0x80) sum += 0x100;
  return sum;
}

/**
 * A number field: octal digits between optional spaces and NULs (an empty field is 0), or base-256. Throws for anything
 * else and for what a double cannot hold exactly.
 */
export function readNumber(block: Buffer, at: number, length: number, field: string): number {
  if (block[at]! >= 0x80) return readBase256(block, at, length, field);
  const end = at + length;
  let i = at;
  while (i < end && (block[i] === SPACE || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (i < end && block[i] !== SPACE && block[i] !== 0)
    throw new MalformedTar(`its ${field} field is not a number`);
  return value;
}

function readBase256(block: Buffer, at: number, length: number, field: string): number {
  const isNegative = (block[at]! & 0x40) !== 0;
  const inversion = isNegative ? 0xff : 0;
  let value = (block[at]! ^ inversion) & 0x3f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (block[i]! ^ inversion);
  if (value > Number.MAX_SAFE_INTEGER) throw new MalformedTar(`its ${field} field is out of range`);
  return isNegative ? -value - 1 : value;
}

/** A text field as a byte string: up to the first NUL or the end of the field. */
export function readText(block: Buffer, at: number, length: number): string {
  const limit = at + length;
  let end = at;
  while (end < limit && block[end] !== 0) end++;
  return end === at ? '' : block.toString('latin1', at, end);
}

/** Which family the magic says: POSIX (with star), GNU, or v7. */
export function headerFormat(block: Buffer, at: number): 'posix' | 'gnu' | 'v7' {
  const magic = at + FIELD.magic;
  const isUstar =
    block[magic] === 0x75 &&
    block[magic + 1] === 0x73 &&
    block[magic + 2] === 0x74 &&
    block[magic + 3] === 0x61 &&
    block[magic + 4] === 0x72;
  if (!isUstar) return 'v7';
  if (block[magic + 5] === 0) return 'posix';
  return block[magic + 5] === SPACE && block[magic + 6] === SPACE && block[magic + 7] === 0 ? 'gnu' : 'v7';
}

/** Prefix and name joined, as the header alone has them. */
export function readPath(block: Buffer, at: number, format: 'posix' | 'gnu' | 'v7'): string {
  const name = readText(block, at + FIELD.name, NAME_BYTES);
  if (format === 'v7' || block[at + FIELD.prefix] === 0) return name;
  if (format === 'gnu' && !hasMisplacedPrefix(block, at)) return name;
  const isStar = block.toString('latin1', at + STAR_TRAILER, at + BLOCK_BYTES) === 'tar\0';
  const prefix = readText(block, at + FIELD.prefix, isStar ? STAR_PREFIX_BYTES : PREFIX_BYTES);
  return `${prefix}/${name}`;
}

export function readLinkPath(block: Buffer, at: number): string {
  return readText(block, at + FIELD.linkName, NAME_BYTES);
}

/** Go before 1.8, and so old image layers, put a prefix into GNU headers, where atime and ctime belong. */
function hasMisplacedPrefix(block: Buffer, at: number): boolean {
  try {
    readNumber(block, at + FIELD.prefix, 12, 'atime');
    readNumber(block, at + FIELD.prefix + 12, 12, 'ctime');
    return false;
  } catch {
    return block[at + FIELD.prefix]! < 0x80;
  }
}
