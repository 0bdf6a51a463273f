import { hash } from 'node:crypto';
import { CodedError } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';

/*
 * A pack, object packs/sha256/<digest of the whole object>. Integers little-endian.
 *
 *   frames            zstd frames, one per chunk, back to back from offset 0
 *   table, n × 44     sha256 of the raw chunk (32), offset (4), stored size (4), raw size (4)
 *   footer, 48        sha256 of the table (32), entries (4), version 1 (4), magic "LADEPACK" (8)
 *
 * The table serves publishers that look for chunks to reuse; readers of a layer go by its index.
 */
const MAGIC = Buffer.from('LADEPACK', 'latin1');
const VERSION = 1;
const ENTRY_BYTES = 44;
export const PACK_FOOTER_BYTES = 48;

/** A pack is closed once its frames reach this size. */
export const PACK_TARGET_BYTES = 16 << 20;

export interface PackEntry {
  readonly hash: Uint8Array;
  readonly offset: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
}

export interface Pack {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly entries: readonly PackEntry[];
}

/** `frames` in order, each beside the hash and raw size of its chunk. */
export function encodePack(
  frames: readonly { readonly hash: Uint8Array; readonly rawBytes: number; readonly frame: Uint8Array }[],
): Pack {
  const entries: PackEntry[] = [];
  let offset = 0;
  for (const { hash, rawBytes, frame } of frames) {
    entries.push({ hash, rawBytes, offset, storedBytes: frame.byteLength });
    offset += frame.byteLength;
  }
  const bytes = Buffer.concat([...frames.map(({ frame }) => frame), encodeTrailer(entries)]);
  return { digest: digestOf(bytes), bytes, entries };
}

function encodeTrailer(entries: readonly PackEntry[]): Uint8Array {
  const tableBytes = entries.length * ENTRY_BYTES;
  const trailer = Buffer.alloc(tableBytes + PACK_FOOTER_BYTES);
  entries.forEach((entry, i) => {
    const at = i * ENTRY_BYTES;
    trailer.set(entry.hash, at);
    trailer.writeUInt32LE(entry.offset, at + 32);
    trailer.writeUInt32LE(entry.storedBytes, at + 36);
    trailer.writeUInt32LE(entry.rawBytes, at + 40);
  });
  trailer.set(hash('sha256', trailer.subarray(0, tableBytes), 'buffer'), tableBytes);
  trailer.writeUInt32LE(entries.length, tableBytes + 32);
  trailer.writeUInt32LE(VERSION, tableBytes + 36);
  MAGIC.copy(trailer, tableBytes + 40);
  return trailer;
}

/** Bytes of table and footer, told by the footer alone. Throws `data_loss` or, for a newer version, `unimplemented`. */
export function packTrailerBytes(footer: Uint8Array, name: string): number {
  const view = Buffer.from(footer.buffer, footer.byteOffset, footer.byteLength);
  if (view.byteLength !== PACK_FOOTER_BYTES || !view.subarray(40).equals(MAGIC))
    throw damaged(name, 'no footer');
  const version = view.readUInt32LE(36);
  if (version !== VERSION) {
    throw new CodedError(
      'unimplemented',
      `Cannot read ${name}: pack version ${version}, this release knows ${VERSION}`,
    );
  }
  return view.readUInt32LE(32) * ENTRY_BYTES + PACK_FOOTER_BYTES;
}

/** Reads table and footer. Throws `data_loss` when the table does not match its hash. */
export function decodePackTrailer(trailer: Uint8Array, name: string): PackEntry[] {
  const view = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.byteLength);
  const tableBytes = view.byteLength - PACK_FOOTER_BYTES;
  if (packTrailerBytes(view.subarray(Math.max(0, tableBytes)), name) !== view.byteLength)
    throw damaged(name, 'cut short');
  const tableHash = hash('sha256', view.subarray(0, tableBytes), 'buffer');
  if (!tableHash.equals(view.subarray(tableBytes, tableBytes + 32)))
    throw damaged(name, 'its table does not match its hash');
  const entries: PackEntry[] = [];
  for (let at = 0; at < tableBytes; at += ENTRY_BYTES) {
    entries.push({
      hash: view.subarray(at, at + 32),
      offset: view.readUInt32LE(at + 32),
      storedBytes: view.readUInt32LE(at + 36),
      rawBytes: view.readUInt32LE(at + 40),
    });
  }
  return entries;
}

function damaged(name: string, why: string): CodedError {
  return new CodedError('data_loss', `Cannot read ${name}: ${why}`, {
    cure: 'Remove the object; layers that need it are published again by the next pull from the registry',
  });
}
