import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BLOCK_BYTES, blocksOf, hashOfZeros, type Chunk } from './chunk.ts';

/** Files from this size on are cut into chunks of their own, each this long but the last. @internal */
export const CHUNK_BYTES = 256 << 10;

/** A group of small files may be cut once it is this long … */
const GROUP_MIN_BYTES = 64 << 10;

/** … behind a file whose content says so: one in eight. */
const CUT_MASK = 7;
const CUT_SAMPLE_BYTES = 4096;

const STAGE_BYTES = 4 << 20;
const MAX_STAGES = 3;
const ZEROS = Buffer.alloc(CHUNK_BYTES);
const ZERO_HASH = hashOfZeros(CHUNK_BYTES);

/** Stores a run of blob bytes; what no run covers is zero. */
export type StoreRun = (bytes: Uint8Array, offset: number) => Promise<void>;

/**
 * Lays files out in the blob, 4 KiB aligned and in order, and cuts it into chunks whose borders depend on
 * nothing but the files' contents and sizes.
 *
 * Appending is synchronous and goes to memory; `drain()` between appends bounds that memory.
 */
export class BlobWriter {
  readonly #store: StoreRun;
  readonly #chunks: Chunk[] = [];
  /** Bytes of the blob before the stage. */
  #stageOffset = 0;
  #stage = Buffer.allocUnsafe(STAGE_BYTES);
  #used = 0;
  #chunkStart = 0;
  #fileBytes = 0;
  #fileStart = 0;
  #cutCode = 0;
  readonly #spare: Buffer<ArrayBuffer>[] = [];
  readonly #writes: Promise<void>[] = [];
  #failure: unknown;

  constructor(store: StoreRun) {
    this.#store = store;
  }

  /** Starts a file of `sizeBytes` > 0; returns its blob offset. Exactly that many bytes must be appended before the next. */
  beginFile(sizeBytes: number): number {
    const groupBytes = this.#used - this.#chunkStart;
    if (groupBytes > 0 && groupBytes + sizeBytes > CHUNK_BYTES) this.#cut();
    this.#fileBytes = sizeBytes;
    this.#fileStart = this.#stageOffset + this.#used;
    this.#cutCode = 0;
    return this.#fileStart;
  }

  append(bytes: Uint8Array): void {
    const sampled = this.#stageOffset + this.#used - this.#fileStart;
    if (sampled < CUT_SAMPLE_BYTES)
      this.#cutCode = crc32(bytes.subarray(0, CUT_SAMPLE_BYTES - sampled), this.#cutCode);
    for (let at = 0; at < bytes.byteLength;) {
      const room = Math.min(this.#chunkRoom(), this.#stageRoom());
      const part = bytes.subarray(at, at + room);
      this.#stage.set(part, this.#used);
      this.#used += part.byteLength;
      at += part.byteLength;
      if (this.#used - this.#chunkStart === CHUNK_BYTES) this.#cut();
    }
  }

  appendZeros(count: number): void {
    let rest = count;
    while (rest > 0) {
      if (this.#used === this.#chunkStart && rest >= CHUNK_BYTES) {
        this.#skipZeroChunk();
        rest -= CHUNK_BYTES;
      } else {
        const part = Math.min(rest, CHUNK_BYTES - (this.#used - this.#chunkStart));
        this.append(ZEROS.subarray(0, part));
        rest -= part;
      }
    }
  }

  endFile(): void {
    const padding = blocksOf(this.#used) * BLOCK_BYTES - this.#used;
    if (padding > 0) {
      if (this.#stageRoom() < padding) throw new RangeError('a stage is a multiple of a block');
      this.#stage.fill(0, this.#used, this.#used + padding);
      this.#used += padding;
    }
    const groupBytes = this.#used - this.#chunkStart;
    if (groupBytes === 0) return;
    const cutHere = (this.#cutCode ^ this.#fileBytes) & CUT_MASK;
    if (this.#fileBytes >= CHUNK_BYTES || groupBytes >= CHUNK_BYTES) this.#cut();
    else if (groupBytes >= GROUP_MIN_BYTES && cutHere === 0) this.#cut();
  }

  /** Waits until at most two stages are being stored. Throws what storing failed with. */
  async drain(): Promise<void> {
    while (this.#writes.length >= MAX_STAGES) await this.#writes[0];
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Stores the rest; the blob's size is the sum of its chunks. */
  async finish(): Promise<{ chunks: readonly Chunk[]; blobBytes: number }> {
    if (this.#used > this.#chunkStart) this.#cut();
    this.#flush(this.#used);
    const blobBytes = this.#stageOffset + this.#used;
    await Promise.all(this.#writes);
    if (this.#failure !== undefined) throw this.#failure;
    return { chunks: this.#chunks, blobBytes };
  }

  #chunkRoom(): number {
    return CHUNK_BYTES - (this.#used - this.#chunkStart);
  }

  #stageRoom(): number {
    if (this.#used === STAGE_BYTES) this.#rotate();
    return STAGE_BYTES - this.#used;
  }

  #cut(): void {
    const raw = this.#stage.subarray(this.#chunkStart, this.#used);
    const chunkHash = hash('sha256', raw, 'buffer');
    const isZero = raw.byteLength === CHUNK_BYTES && chunkHash.equals(ZERO_HASH);
    this.#chunks.push({
      hash: chunkHash,
      rawBytes: raw.byteLength,
      place: { kind: isZero ? 'zero' : 'local' },
    });
    this.#chunkStart = this.#used;
  }

  #skipZeroChunk(): void {
    if (this.#used > 0) this.#rotate();
    this.#chunks.push({ hash: ZERO_HASH, rawBytes: CHUNK_BYTES, place: { kind: 'zero' } });
    this.#stageOffset += CHUNK_BYTES;
  }

  /** Hands the finished chunks to the store and goes on in a fresh stage that starts with the open chunk. */
  #rotate(): void {
    const open = this.#stage.subarray(this.#chunkStart, this.#used);
    const next = this.#spare.pop() ?? Buffer.allocUnsafe(STAGE_BYTES);
    next.set(open);
    this.#flush(this.#chunkStart);
    this.#stageOffset += this.#chunkStart;
    this.#stage = next;
    this.#used = open.byteLength;
    this.#chunkStart = 0;
  }

  #flush(end: number): void {
    const stage = this.#stage;
    if (end === 0) return;
    const write = this.#store(stage.subarray(0, end), this.#stageOffset)
      .catch((reason: unknown) => {
        this.#failure ??= reason;
      })
      .finally(() => {
        void this.#writes.splice(this.#writes.indexOf(write), 1);
        this.#spare.push(stage);
      });
    this.#writes.push(write);
  }
}
