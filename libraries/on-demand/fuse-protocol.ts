/** The part of FUSE's protocol (linux/fuse.h, version 7) that a read-only file system of plain files needs. */
export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  open: 14,
  read: 15,
  statfs: 17,
  release: 18,
  flush: 25,
  init: 26,
  access: 34,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const;

export const INIT_FLAGS = {
  asyncRead: 1n << 0n,
  maxPages: 1n << 22n,
  /** The upper half of the flags is there. */
  extended: 1n << 30n,
  passthrough: 1n << 37n,
} as const;

export const OPEN_FLAGS = { directIo: 1, keepCache: 1 << 1, passthrough: 1 << 7 } as const;

export const MAX_READ_BYTES = 1 << 20;
export const ROOT_NODE = 1;
const REQUEST_HEAD_BYTES = 40;
export const REPLY_HEAD_BYTES = 16;

const VERSION = { major: 7, minor: 38 } as const;
const MAX_BACKGROUND = 64;
const MAX_WRITE_BYTES = 4096;
/** Names and attributes never change: a year, in seconds. */
const VALID_FOR = 31_536_000n;
const ATTRIBUTES_BYTES = 88;

/**
 * A request's head, of 40 bytes.
 *
 * | offset | size | meaning                    |
 * | ------ | ---- | -------------------------- |
 * | 0      | 4    | length with what follows   |
 * | 4      | 4    | opcode                     |
 * | 8      | 8    | unique id, for the reply   |
 * | 16     | 8    | node                       |
 * | 32     | 4    | thread that asks           |
 */
export interface FuseRequest {
  readonly opcode: number;
  readonly id: bigint;
  readonly node: number;
  /** 0 where the kernel asks for itself, or the mount's PID namespace does not have it. */
  readonly pid: number;
  readonly body: Buffer;
}

/** Undefined when there is none, told by a length of zero. */
export function decodeRequest(bytes: Buffer): FuseRequest | undefined {
  const length = bytes.readUInt32LE(0);
  if (length === 0) return undefined;
  return {
    opcode: bytes.readUInt32LE(4),
    id: bytes.readBigUInt64LE(8),
    node: Number(bytes.readBigUInt64LE(16)),
    pid: bytes.readUInt32LE(32),
    body: bytes.subarray(REQUEST_HEAD_BYTES, length),
  };
}

/** The name that a LOOKUP is about. */
export function decodeName(body: Buffer): string {
  return body.toString('utf8', 0, body.length - 1);
}

export function decodeRead(body: Buffer): { readonly offset: number; readonly length: number } {
  return { offset: Number(body.readBigUInt64LE(8)), length: body.readUInt32LE(16) };
}

/** What the kernel offers in INIT: after version and read-ahead the flags at 12, their upper half at 16. */
export function decodeInitFlags(body: Buffer): bigint {
  const flags = BigInt(body.readUInt32LE(12));
  return (flags & INIT_FLAGS.extended) === 0n ? flags : flags | (BigInt(body.readUInt32LE(16)) << 32n);
}

/** Writes a reply's head (length, error, unique id) into `reply`, which has `bodyBytes` after it; `error` is an errno. */
export function encodeReplyHead(reply: Buffer, id: bigint, bodyBytes: number, error = 0): Buffer {
  reply.writeUInt32LE(REPLY_HEAD_BYTES + bodyBytes, 0);
  reply.writeInt32LE(-error, 4);
  reply.writeBigUInt64LE(id, 8);
  return reply.subarray(0, REPLY_HEAD_BYTES + bodyBytes);
}

/**
 * | offset | size | meaning                                               |
 * | ------ | ---- | ----------------------------------------------------- |
 * | 0      | 8    | version                                               |
 * | 8      | 4    | most bytes of read-ahead                              |
 * | 12     | 4    | flags                                                 |
 * | 16     | 4    | most requests in the background, and when that is many |
 * | 20     | 8    | most bytes of a write; granularity of times           |
 * | 28     | 4    | most pages of a request; alignment                    |
 * | 32     | 4    | upper half of the flags                               |
 * | 36     | 4    | how many file systems deep a passthrough file may be  |
 */
export function encodeInit(flags: bigint): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(VERSION.major, 0);
  body.writeUInt32LE(VERSION.minor, 4);
  body.writeUInt32LE(MAX_READ_BYTES, 8);
  body.writeUInt32LE(Number(flags & 0xffff_ffffn), 12);
  body.writeUInt16LE(MAX_BACKGROUND, 16);
  body.writeUInt16LE(MAX_BACKGROUND, 18);
  body.writeUInt32LE(MAX_WRITE_BYTES, 20);
  body.writeUInt32LE(1, 24);
  body.writeUInt16LE(MAX_READ_BYTES / 4096, 28);
  body.writeUInt32LE(Number(flags >> 32n), 32);
  body.writeUInt32LE((flags & INIT_FLAGS.passthrough) === 0n ? 0 : 1, 36);
  return body;
}

/** The answer to LOOKUP: node, generation, how long name and attributes are valid, attributes. */
export function encodeEntry(node: number, sizeBytes: number): Buffer {
  const head = Buffer.alloc(40);
  head.writeBigUInt64LE(BigInt(node), 0);
  head.writeBigUInt64LE(VALID_FOR, 16);
  head.writeBigUInt64LE(VALID_FOR, 24);
  return Buffer.concat([head, encodeAttributes(node, sizeBytes)]);
}

/** The answer to GETATTR: how long the attributes are valid, attributes. */
export function encodeAttributesReply(node: number, sizeBytes: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(VALID_FOR, 0);
  return Buffer.concat([head, encodeAttributes(node, sizeBytes)]);
}

/** Inode (8), size (8), blocks of 512 (8); at 60 mode, links, at 80 block size (4 each); owner and times are zero. */
function encodeAttributes(node: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTES_BYTES);
  bytes.writeBigUInt64LE(BigInt(node), 0);
  bytes.writeBigUInt64LE(BigInt(sizeBytes), 8);
  bytes.writeBigUInt64LE(BigInt(Math.ceil(sizeBytes / 512)), 16);
  bytes.writeUInt32LE(node === ROOT_NODE ? 0o40_500 : 0o100_400, 60);
  bytes.writeUInt32LE(node === ROOT_NODE ? 2 : 1, 64);
  bytes.writeUInt32LE(4096, 80);
  return bytes;
}

/** The answer to OPEN: handle (8), flags (4), id of the file to pass through to (4). */
export function encodeOpen(flags: number, backing = 0): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(flags, 8);
  body.writeInt32LE(backing, 12);
  return body;
}

/** The answer to STATFS: five counts (8 each) of nothing, then block size, longest name (4 each). */
export function encodeStatfs(): Buffer {
  const body = Buffer.alloc(80);
  body.writeUInt32LE(4096, 40);
  body.writeUInt32LE(255, 44);
  body.writeUInt32LE(4096, 48);
  return body;
}
