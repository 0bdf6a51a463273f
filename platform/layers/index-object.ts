import { hash } from 'node:crypto';
import { CodedError } from '@lade/errors';
import { digestFromHash, hashOf, type Digest } from '@lade/oci';
import type { Chunk } from './chunk.ts';
import { CHUNK_ENTRY_BYTES, decodeTables, encodeTables, PACK_ENTRY_BYTES } from './index-tables.ts';

/*
 * The index of a layer, object layers/sha256/<diff id>. All integers little-endian.
 *
 *   offset  size  meaning
 *        0     8  magic "LADEINDX"
 *        8     4  version, 1
 *       12     4  flags, 0
 *       16    32  diff id
 *       48     8  size of the uncompressed layer tar
 *       56     8  size of the blob
 *       64     4  packs
 *       68     4  chunks
 *       72     4  bytes of the implied-directory list
 *       76     4  inodes
 *       80     8  size of the metadata image
 *       88     8  stored (zstd) size of the metadata image
 *       96     8  stored (zstd) size of the tar recipe
 *      104    32  sha256 of the tables (packs, chunks, implied directories)
 *      136    32  sha256 of the stored metadata image
 *      168    32  sha256 of the stored recipe
 *      200    32  sha256 of bytes 0 to 199: the index digest
 *      232     …  tables, metadata image, recipe
 *
 * Everything but the recipe is the head: the one range that a node reads to start the layer.
 */
const MAGIC = Buffer.from('LADEINDX', 'latin1');
const VERSION = 1;
const SEALED_BYTES = 200;
export const INDEX_HEADER_BYTES = 232;

export interface PackReference {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What the header says; sizes in bytes. */
export interface IndexHeader {
  readonly diffId: Digest;
  readonly tarBytes: number;
  readonly blobBytes: number;
  readonly packCount: number;
  readonly chunkCount: number;
  readonly impliedBytes: number;
  readonly inodes: number;
  readonly metadataBytes: number;
  readonly storedMetadataBytes: number;
  readonly storedRecipeBytes: number;
  readonly tablesHash: Uint8Array;
  readonly metadataHash: Uint8Array;
  readonly recipeHash: Uint8Array;
}

/** The head of an index, checked. */
export interface LayerIndex {
  readonly header: IndexHeader;
  /** Proves every byte of the index, through the hashes in the header. */
  readonly digest: Digest;
  readonly packs: readonly PackReference[];
  readonly chunks: readonly Chunk[];
  /** Byte-string paths of directories that the tar did not name but needed as parents. */
  readonly impliedDirectories: readonly string[];
  /** The metadata image as stored: zstd frames. */
  readonly storedMetadata: Uint8Array;
  /** All of it, as stored. */
  readonly head: Uint8Array;
}

export interface IndexParts {
  readonly diffId: Digest;
  readonly tarBytes: number;
  readonly blobBytes: number;
  readonly inodes: number;
  readonly packs: readonly PackReference[];
  readonly chunks: readonly Chunk[];
  readonly impliedDirectories: readonly string[];
  readonly metadataBytes: number;
  readonly storedMetadata: Uint8Array;
  readonly storedRecipeBytes: number;
  readonly recipeHash: Uint8Array;
}

/** Bytes of the head, and the digest of the index that the stored recipe completes. */
export function encodeIndexHead(parts: IndexParts): { head: Uint8Array; digest: Digest } {
  const tables = encodeTables(parts.packs, parts.chunks, parts.impliedDirectories);
  const header = Buffer.alloc(INDEX_HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt32LE(VERSION, 8);
  header.set(hashOf(parts.diffId), 16);
  header.writeBigUInt64LE(BigInt(parts.tarBytes), 48);
  header.writeBigUInt64LE(BigInt(parts.blobBytes), 56);
  header.writeUInt32LE(parts.packs.length, 64);
  header.writeUInt32LE(parts.chunks.length, 68);
  header.writeUInt32LE(tables.impliedBytes, 72);
  header.writeUInt32LE(parts.inodes, 76);
  header.writeBigUInt64LE(BigInt(parts.metadataBytes), 80);
  header.writeBigUInt64LE(BigInt(parts.storedMetadata.byteLength), 88);
  header.writeBigUInt64LE(BigInt(parts.storedRecipeBytes), 96);
  header.set(hash('sha256', tables.bytes, 'buffer'), 104);
  header.set(hash('sha256', parts.storedMetadata, 'buffer'), 136);
  header.set(parts.recipeHash, 168);
  const seal = hash('sha256', header.subarray(0, SEALED_BYTES), 'buffer');
  header.set(seal, SEALED_BYTES);
  return { head: Buffer.concat([header, tables.bytes, parts.storedMetadata]), digest: digestFromHash(seal) };
}

/**
 * Reads the first INDEX_HEADER_BYTES of an index. `name` is the object or file, for messages.
 * Throws `data_loss` for damage, `unimplemented` for a version that this release does not know.
 */
export function decodeIndexHeader(bytes: Uint8Array, name: string): { header: IndexHeader; digest: Digest } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < INDEX_HEADER_BYTES) throw damaged(name, `it ends after ${view.byteLength} bytes`);
  if (!view.subarray(0, 8).equals(MAGIC)) throw damaged(name, 'it does not start with the magic of an index');
  const version = view.readUInt32LE(8);
  if (version !== VERSION) {
    throw new CodedError(
      'unimplemented',
      `Cannot read ${name}: index version ${version}, this release knows ${VERSION}`,
      {
        cure: 'Upgrade Lade on this node',
      },
    );
  }
  const seal = hash('sha256', view.subarray(0, SEALED_BYTES), 'buffer');
  if (!seal.equals(view.subarray(SEALED_BYTES, INDEX_HEADER_BYTES)))
    throw damaged(name, 'its header does not match its hash');
  return { header: readHeader(view), digest: digestFromHash(seal) };
}

function readHeader(view: Buffer): IndexHeader {
  const big = (offset: number): number => Number(view.readBigUInt64LE(offset));
  return {
    diffId: digestFromHash(view.subarray(16, 48)),
    tarBytes: big(48),
    blobBytes: big(56),
    packCount: view.readUInt32LE(64),
    chunkCount: view.readUInt32LE(68),
    impliedBytes: view.readUInt32LE(72),
    inodes: view.readUInt32LE(76),
    metadataBytes: big(80),
    storedMetadataBytes: big(88),
    storedRecipeBytes: big(96),
    tablesHash: view.subarray(104, 136),
    metadataHash: view.subarray(136, 168),
    recipeHash: view.subarray(168, 200),
  };
}

/** Bytes of the head: everything before the recipe. */
export function indexHeadBytes(header: IndexHeader): number {
  return INDEX_HEADER_BYTES + tablesBytes(header) + header.storedMetadataBytes;
}

/** Reads and checks a whole head; trailing bytes are ignored. Throws as decodeIndexHeader() does. */
export function decodeIndexHead(bytes: Uint8Array, name: string): LayerIndex {
  const { header, digest } = decodeIndexHeader(bytes, name);
  const headBytes = indexHeadBytes(header);
  if (bytes.byteLength < headBytes) throw damaged(name, `it ends after ${bytes.byteLength} bytes`);
  const tablesEnd = INDEX_HEADER_BYTES + tablesBytes(header);
  const tables = bytes.subarray(INDEX_HEADER_BYTES, tablesEnd);
  const storedMetadata = bytes.subarray(tablesEnd, tablesEnd + header.storedMetadataBytes);
  if (!hash('sha256', tables, 'buffer').equals(header.tablesHash))
    throw damaged(name, 'its tables do not match their hash');
  if (!hash('sha256', storedMetadata, 'buffer').equals(header.metadataHash)) {
    throw damaged(name, 'its metadata image does not match its hash');
  }
  const head = bytes.subarray(0, headBytes);
  return { header, digest, head, storedMetadata, ...decodeTables(tables, header, name) };
}

/** The packs of an index; `bytes` are its header and its tables. Throws as decodeIndexHeader() does. */
export function decodePackList(bytes: Uint8Array, name: string): Digest[] {
  const { header } = decodeIndexHeader(bytes, name);
  const tables = bytes.subarray(INDEX_HEADER_BYTES);
  if (!hash('sha256', tables, 'buffer').equals(header.tablesHash))
    throw damaged(name, 'its tables do not match their hash');
  return decodeTables(tables, header, name).packs.map(({ digest }) => digest);
}

/** Behind the header. */
export function tablesBytes(header: IndexHeader): number {
  return header.packCount * PACK_ENTRY_BYTES + header.chunkCount * CHUNK_ENTRY_BYTES + header.impliedBytes;
}

function damaged(name: string, why: string): CodedError {
  return new CodedError('data_loss', `Cannot read ${name}: ${why}`, {
    cure: 'Remove the object; the next pull from the registry publishes the layer again',
  });
}
