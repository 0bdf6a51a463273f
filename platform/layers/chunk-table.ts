import { BLOCK_BYTES, type Chunk } from './chunk.ts';
import { INDEX_HEADER_BYTES, type LayerIndex, type PackReference } from './index-object.ts';
import { CHUNK_ENTRY_BYTES, PACK_ENTRY_BYTES, readChunk } from './index-tables.ts';

/**
 * The chunks of a blob, as bytes: 52 a chunk, where an object would take ten times that. Numbers count from 0, in the
 * order of the blob.
 */
export class ChunkTable implements Iterable<Chunk> {
  readonly count: number;
  readonly blobBytes: number;
  readonly packs: readonly PackReference[];
  readonly #entries: Buffer;
  /** The first block of each chunk, and the end. */
  readonly #starts: Uint32Array;

  private constructor(entries: Buffer, packs: readonly PackReference[]) {
    this.#entries = entries;
    this.packs = packs;
    this.count = entries.byteLength / CHUNK_ENTRY_BYTES;
    this.#starts = new Uint32Array(this.count + 1);
    for (let n = 0; n < this.count; n++)
      this.#starts[n + 1] = this.#start(n) + this.get(n).rawBytes / BLOCK_BYTES;
    this.blobBytes = this.offsetOf(this.count);
  }

  /** Keeps nothing of `index` alive but its packs. */
  static of({ header, head, packs }: LayerIndex): ChunkTable {
    const from = INDEX_HEADER_BYTES + header.packCount * PACK_ENTRY_BYTES;
    const entries = head.subarray(from, from + header.chunkCount * CHUNK_ENTRY_BYTES);
    return new ChunkTable(Buffer.from(entries), packs);
  }

  get(number: number): Chunk {
    return readChunk(this.#entries, number * CHUNK_ENTRY_BYTES);
  }

  /** Where a chunk starts in the blob; for `count`, where the blob ends. */
  offsetOf(number: number): number {
    return this.#start(number) * BLOCK_BYTES;
  }

  /** The chunk that holds a byte of the blob. */
  numberAt(offset: number): number {
    const block = Math.floor(offset / BLOCK_BYTES);
    let [low, high] = [0, this.count - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#start(middle) <= block) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The chunks that overlap a range, cut to the blob: from `first` up to, not with, `end`. */
  range(offset: number, length: number): { readonly first: number; readonly end: number } {
    if (length <= 0 || offset >= this.blobBytes) return { first: 0, end: 0 };
    const last = Math.min(offset + length, this.blobBytes) - 1;
    return { first: this.numberAt(offset), end: this.numberAt(last) + 1 };
  }

  *[Symbol.iterator](): Generator<Chunk> {
    for (let n = 0; n < this.count; n++) yield this.get(n);
  }

  #start(number: number): number {
    return this.#starts[number] ?? 0;
  }
}
