import { hash } from 'node:crypto';

/** Blob bytes are addressed in blocks of this size: files and chunks start on one. */
export const BLOCK_BYTES = 4096;

/** No chunk is larger; a reader may refuse one that is. */
export const MAX_CHUNK_BYTES = 1 << 20;

/** Where a chunk's bytes come from, other than this node. */
export type ChunkPlace =
  /** A zstd frame inside `packs[pack]` of the same index. */
  | { readonly kind: 'packed'; readonly pack: number; readonly offset: number; readonly storedBytes: number }
  /** All zero: stored nowhere. */
  | { readonly kind: 'zero' }
  /** Converted here and not uploaded yet. */
  | { readonly kind: 'local' };

/** A run of blob bytes; runs follow one another without gaps, so that a chunk's offset is the sum before it. */
export interface Chunk {
  /** sha256 of the raw bytes. */
  readonly hash: Uint8Array;
  /** A multiple of BLOCK_BYTES, at most MAX_CHUNK_BYTES. */
  readonly rawBytes: number;
  readonly place: ChunkPlace;
}

const zeroHashes = new Map<number, Buffer>();

/** sha256 of that many zeros. */
export function hashOfZeros(sizeBytes: number): Buffer {
  const known = zeroHashes.get(sizeBytes) ?? hash('sha256', Buffer.alloc(sizeBytes), 'buffer');
  zeroHashes.set(sizeBytes, known);
  return known;
}

export function blocksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}
