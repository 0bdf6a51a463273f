import { corruptImage } from './corrupt-image.ts';
import { INODE_BYTES } from './geometry.ts';
import type { DeviceNumber, Inode, Timestamp } from './inode.ts';

/** Where an inode's data is (`i_format`, bits 1–3): blocks, blocks with the tail behind the inode, or chunk indexes. */
export const DATA_LAYOUT = { plain: 0, inline: 2, chunks: 4 } as const;
export type DataLayout = (typeof DATA_LAYOUT)[keyof typeof DATA_LAYOUT];

export type InodeKind = Inode['kind'];

/** The fixed 64 bytes of an extended inode. */
export interface InodeRecord {
  readonly layout: DataLayout;
  /** Of the xattr area that follows: 0, or a multiple of 4 from 16 to `MAX_XATTR_AREA_BYTES`. */
  readonly xattrBytes: number;
  readonly kind: InodeKind;
  readonly mode: number;
  readonly sizeBytes: number;
  /** First data block, chunk format or encoded device number, whichever the kind and layout call for. */
  readonly location: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: Timestamp;
  readonly links: number;
}

/*
 *   offset size  meaning
 *        0    2  bit 0: extended; bits 1–3: data layout
 *        2    2  xattr area: 0, or 1 + (its bytes - 12) / 4
 *        4    2  type and permissions, as st_mode
 *        6    2  zero
 *        8    8  size
 *       16    4  location
 *       20    4  inode number for 32-bit programs
 *       24    4  uid
 *       28    4  gid
 *       32    8  modification time, seconds, signed
 *       40    4  and its nanoseconds
 *       44    4  number of links
 *       48   16  zero
 */
const EXTENDED = 1;
const XATTR_HEADER_BYTES = 12;

/** 12 bytes of header and as many 4-byte units as a 16-bit count can say. */
export const MAX_XATTR_AREA_BYTES = XATTR_HEADER_BYTES + 4 * (0xffff - 1);

/** `type` as in st_mode, `dirent` as directory entries say it. */
const KINDS: Readonly<Record<InodeKind, { readonly type: number; readonly dirent: number }>> = {
  file: { type: 0o100000, dirent: 1 },
  directory: { type: 0o040000, dirent: 2 },
  'character-device': { type: 0o020000, dirent: 3 },
  'block-device': { type: 0o060000, dirent: 4 },
  fifo: { type: 0o010000, dirent: 5 },
  socket: { type: 0o140000, dirent: 6 },
  symlink: { type: 0o120000, dirent: 7 },
};
const KIND_OF_TYPE = new Map(Object.entries(KINDS).map(([kind, { type }]) => [type, kind as InodeKind]));
const LAYOUT_OF_FORMAT = new Map(
  Object.values(DATA_LAYOUT).map((layout) => [EXTENDED | (layout << 1), layout]),
);
const ZEROS = Buffer.alloc(16);

/** The file type code of directory entries. */
export function direntTypeOf(kind: InodeKind): number {
  return KINDS[kind].dirent;
}

export function encodeInodeRecord(target: DataView, at: number, record: InodeRecord): void {
  const { xattrBytes, sizeBytes, modified } = record;
  target.setUint16(at, EXTENDED | (record.layout << 1), true);
  target.setUint16(at + 2, xattrBytes === 0 ? 0 : 1 + (xattrBytes - XATTR_HEADER_BYTES) / 4, true);
  target.setUint16(at + 4, KINDS[record.kind].type | record.mode, true);
  target.setUint32(at + 8, sizeBytes >>> 0, true);
  target.setUint32(at + 12, Math.floor(sizeBytes / 2 ** 32), true);
  target.setUint32(at + 16, record.location, true);
  target.setUint32(at + 20, record.ino, true);
  target.setUint32(at + 24, record.uid, true);
  target.setUint32(at + 28, record.gid, true);
  target.setUint32(at + 32, modified.seconds >>> 0, true);
  target.setInt32(at + 36, Math.floor(modified.seconds / 2 ** 32), true);
  target.setUint32(at + 40, modified.nanoseconds, true);
  target.setUint32(at + 44, record.links, true);
}

/**
 * Throws `data_loss` if `bytes`, `INODE_BYTES` long, are no inode of ours; `nid` names it in the message. Numbers are
 * given as they are: the size and the time may be beyond what is possible, or even exact.
 */
export function decodeInodeRecord(bytes: Buffer, nid: number): InodeRecord {
  const format = bytes.readUInt16LE(0);
  const xattrUnits = bytes.readUInt16LE(2);
  const typeAndMode = bytes.readUInt16LE(4);
  const kind = KIND_OF_TYPE.get(typeAndMode & 0o170000);
  const layout = LAYOUT_OF_FORMAT.get(format);
  if (kind === undefined) throw corruptImage(nid, `its type and mode are 0${typeAndMode.toString(8)}`);
  if (layout === undefined) throw corruptImage(nid, `its format is 0x${format.toString(16)}`);
  if (xattrUnits === 1) throw corruptImage(nid, 'its xattr area has a header only');
  if (bytes.readUInt16LE(6) !== 0 || !ZEROS.equals(bytes.subarray(48, INODE_BYTES)))
    throw corruptImage(nid, 'its reserved bytes are not zero');
  const links = bytes.readUInt32LE(44);
  if (links === 0) throw corruptImage(nid, 'it has no links');
  return {
    layout,
    xattrBytes: xattrUnits === 0 ? 0 : XATTR_HEADER_BYTES + 4 * (xattrUnits - 1),
    kind,
    mode: typeAndMode & 0o7777,
    sizeBytes: bytes.readUInt32LE(8) + bytes.readUInt32LE(12) * 2 ** 32,
    location: bytes.readUInt32LE(16),
    ino: bytes.readUInt32LE(20),
    uid: bytes.readUInt32LE(24),
    gid: bytes.readUInt32LE(28),
    modified: {
      seconds: bytes.readUInt32LE(32) + bytes.readInt32LE(36) * 2 ** 32,
      nanoseconds: bytes.readUInt32LE(40),
    },
    links,
  };
}

/** Linux's 32-bit device number: minor 0–7, major 0–11, minor 8–19. */
export function encodeDevice({ major, minor }: DeviceNumber): number {
  return ((minor & 0xff) | (major << 8) | ((minor & 0xf_ff00) << 12)) >>> 0;
}

export function decodeDevice(encoded: number): DeviceNumber {
  return { major: (encoded >>> 8) & 0xfff, minor: (encoded & 0xff) | ((encoded >>> 12) & 0xf_ff00) };
}
