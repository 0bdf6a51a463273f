import { CodedError } from '@lade/errors';
import { digestFromHash, hashOf } from '@lade/oci';
import { BLOCK_BYTES, MAX_CHUNK_BYTES, type Chunk, type ChunkPlace } from './chunk.ts';
import type { IndexHeader, LayerIndex, PackReference } from './index-object.ts';

/*
 * The tables of an index, in this order.
 *
 *   pack    40 bytes  sha256 (32), object size (8)
 *   chunk   48 bytes  sha256 of the raw bytes (32), raw size (4), pack (4), offset in the pack (4), stored size (4)
 *   implied directories: byte-string paths, each ended by a NUL
 *
 * Two pack numbers are special: an all-zero chunk that is stored nowhere, and a chunk that waits for its upload.
 */
export const PACK_ENTRY_BYTES = 40;
export const CHUNK_ENTRY_BYTES = 48;
const ZERO_PACK = 0xffff_ffff;
const LOCAL_PACK = 0xffff_fffe;

export function encodeTables(
  packs: readonly PackReference[],
  chunks: readonly Chunk[],
  impliedDirectories: readonly string[],
): { bytes: Uint8Array; impliedBytes: number } {
  const implied = Buffer.from(impliedDirectories.map((path) => `${path}\0`).join(''), 'latin1');
  const bytes = Buffer.alloc(
    packs.length * PACK_ENTRY_BYTES + chunks.length * CHUNK_ENTRY_BYTES + implied.byteLength,
  );
  let at = 0;
  for (const pack of packs) {
    bytes.set(hashOf(pack.digest), at);
    bytes.writeBigUInt64LE(BigInt(pack.sizeBytes), at + 32);
    at += PACK_ENTRY_BYTES;
  }
  for (const chunk of chunks) {
    writeChunk(bytes, at, chunk);
    at += CHUNK_ENTRY_BYTES;
  }
  implied.copy(bytes, at);
  return { bytes, impliedBytes: implied.byteLength };
}

function writeChunk(bytes: Buffer, at: number, { hash, rawBytes, place }: Chunk): void {
  bytes.set(hash, at);
  bytes.writeUInt32LE(rawBytes, at + 32);
  bytes.writeUInt32LE(
    place.kind === 'packed' ? place.pack : place.kind === 'zero' ? ZERO_PACK : LOCAL_PACK,
    at + 36,
  );
  if (place.kind !== 'packed') return;
  bytes.writeUInt32LE(place.offset, at + 40);
  bytes.writeUInt32LE(place.storedBytes, at + 44);
}

type Tables = Pick<LayerIndex, 'packs' | 'chunks' | 'impliedDirectories'>;

/** `bytes` has the size that `header` implies. Throws `data_loss` when the entries contradict each other. */
export function decodeTables(bytes: Uint8Array, header: IndexHeader, name: string): Tables {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunksAt = header.packCount * PACK_ENTRY_BYTES;
  const impliedAt = chunksAt + header.chunkCount * CHUNK_ENTRY_BYTES;
  const packs = Array.from({ length: header.packCount }, (_, i) => readPack(view, i * PACK_ENTRY_BYTES));
  const chunks: Chunk[] = [];
  let blobBytes = 0;
  for (let at = chunksAt; at < impliedAt; at += CHUNK_ENTRY_BYTES) {
    const chunk = readChunk(view, at);
    if (!isSound(chunk, packs)) throw contradictory(name, `chunk ${chunks.length} is out of bounds`);
    blobBytes += chunk.rawBytes;
    chunks.push(chunk);
  }
  if (blobBytes !== header.blobBytes)
    throw contradictory(name, `its chunks make ${blobBytes} bytes, not ${header.blobBytes}`);
  const implied = view.toString('latin1', impliedAt);
  return { packs, chunks, impliedDirectories: implied === '' ? [] : implied.slice(0, -1).split('\0') };
}

function readPack(view: Buffer, at: number): PackReference {
  return {
    digest: digestFromHash(view.subarray(at, at + 32)),
    sizeBytes: Number(view.readBigUInt64LE(at + 32)),
  };
}

export function readChunk(view: Buffer, at: number): Chunk {
  return {
    hash: view.subarray(at, at + 32),
    rawBytes: view.readUInt32LE(at + 32),
    place: readPlace(view, at + 36),
  };
}

function readPlace(view: Buffer, at: number): ChunkPlace {
  const pack = view.readUInt32LE(at);
  if (pack === ZERO_PACK) return { kind: 'zero' };
  if (pack === LOCAL_PACK) return { kind: 'local' };
  return { kind: 'packed', pack, offset: view.readUInt32LE(at + 4), storedBytes: view.readUInt32LE(at + 8) };
}

function isSound({ rawBytes, place }: Chunk, packs: readonly PackReference[]): boolean {
  if (rawBytes === 0 || rawBytes % BLOCK_BYTES !== 0 || rawBytes > MAX_CHUNK_BYTES) return false;
  if (place.kind !== 'packed') return true;
  const pack = packs[place.pack];
  return pack !== undefined && place.storedBytes > 0 && place.offset + place.storedBytes <= pack.sizeBytes;
}

function contradictory(name: string, why: string): CodedError {
  return new CodedError('data_loss', `Cannot read ${name}: ${why}`, {
    cure: 'Remove the object; the next pull from the registry publishes the layer again',
  });
}
