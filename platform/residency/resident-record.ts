import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { hashOf, type Digest } from '@lade/oci';

/*
 * The file `resident` of a layer: what is known of its blob. Integers little-endian.
 *
 *   offset  size  meaning
 *        0     8  magic "LADERSDT"
 *        8     4  version, 1
 *       12     4  chunks
 *       16    32  diff id
 *       48     8  time of the blob's last change (ctime, ns) when this was written
 *       56    16  boot in which this was written, or zeros when everything it speaks of was on disk before
 *       72     …  one bit per chunk, least significant first: checked, and in the blob
 *        …    32  sha256 of all before
 *
 * Written in place: a torn write does not match its hash, and then nothing is known, which is always safe.
 */
const MAGIC = Buffer.from('LADERSDT', 'latin1');
const VERSION = 1;
const BITS_AT = 72;
const HASH_BYTES = 32;

export interface ResidentRecord {
  readonly diffId: Digest;
  readonly chunkCount: number;
  /** Vouches for the blob as it was at this time: a blob that was changed later may hold anything. */
  readonly changedNs: bigint;
  /** The only boot of the machine in which this holds; undefined: it survives power loss. */
  readonly boot: string | undefined;
  /** One bit per chunk. */
  readonly chunks: Uint8Array;
}

function encodeResidentRecord(record: ResidentRecord): Uint8Array {
  const bitBytes = Math.ceil(record.chunkCount / 8);
  const bytes = Buffer.alloc(BITS_AT + bitBytes + HASH_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(record.chunkCount, 12);
  bytes.set(hashOf(record.diffId), 16);
  bytes.writeBigUInt64LE(record.changedNs, 48);
  if (record.boot !== undefined) bytes.set(bootBytes(record.boot), 56);
  bytes.set(record.chunks.subarray(0, bitBytes), BITS_AT);
  const sealed = bytes.subarray(0, -HASH_BYTES);
  bytes.set(hash('sha256', sealed, 'buffer'), sealed.byteLength);
  return bytes;
}

/** `vouched`: it holds until the machine stops. */
export type RecordState = 'none' | 'damaged' | 'outdated' | 'vouched' | 'sound';

/**
 * What the file at `path` tells about the blob `now`. Its chunks are in the blob if its state is `vouched` or `sound`; if it is
 * `outdated`, they should be, unless it could not survive the end of an earlier boot.
 */
export async function readResidentRecord(
  path: string,
  now: { diffId: Digest; chunkCount: number; changedNs: bigint; boot: string },
): Promise<{ readonly state: RecordState; readonly chunks?: Uint8Array }> {
  const bytes = await readFile(path).catch((reason: unknown) => {
    if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw reason;
  });
  if (!bytes) return { state: 'none' };
  const bitBytes = Math.ceil(now.chunkCount / 8);
  const sealed = bytes.subarray(0, BITS_AT + bitBytes);
  const isSound =
    bytes.byteLength === BITS_AT + bitBytes + HASH_BYTES &&
    hash('sha256', sealed, 'buffer').equals(bytes.subarray(sealed.byteLength)) &&
    MAGIC.equals(bytes.subarray(0, 8)) &&
    bytes.readUInt32LE(8) === VERSION &&
    bytes.readUInt32LE(12) === now.chunkCount &&
    bytes.subarray(16, 48).equals(hashOf(now.diffId));
  if (!isSound) return { state: 'damaged' };
  const boot = bytes.subarray(56, BITS_AT);
  const isDurable = boot.every((byte) => byte === 0);
  const isOurs = isDurable || boot.equals(bootBytes(now.boot));
  const chunks = bytes.subarray(BITS_AT, BITS_AT + bitBytes);
  if (!isOurs) return { state: 'outdated' };
  if (bytes.readBigUInt64LE(48) !== now.changedNs) return { state: 'outdated', chunks };
  return { state: isDurable ? 'sound' : 'vouched', chunks };
}

/** Replaces the record; on disk when it resolves, unless it is of this boot only. */
export async function writeResidentRecord(file: FileHandle, record: ResidentRecord): Promise<void> {
  const bytes = encodeResidentRecord(record);
  await file.write(bytes, 0, bytes.byteLength, 0);
  if (record.boot === undefined) await file.datasync();
}

/** The machine's present boot, as the kernel names it. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

function bootBytes(boot: string): Buffer {
  return hash('sha256', boot, 'buffer').subarray(0, BITS_AT - 56);
}
