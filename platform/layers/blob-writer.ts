import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BLOCK_BYTES, blocksOf, hashOfZeros, type Chunk } from './chunk.ts';

/** What large files are cut into, programs and libraries finer: the kernel pages them in here and there. @internal */
export const CUT_BYTES = { data: 256 << 10, code: 32 << 10 } as const;

/** Files from this size on have chunks of their own; a group of smaller ones is no longer. */
const LARGE_FILE_BYTES = CUT_BYTES.data;

/** What an ELF file begins with. */
const ELF = 0x7f_45_4c_46;

/** A group of small files may be cut once it is this long … */
const GROUP_MIN_BYTES = 64 << 10;

/** … behind a file whose content says so: one in eight. */
const CUT_MASK = 7;
const CUT_SAMPLE_BYTES = 4096;

const STAGE_BYTES = 4 << 20;
const MAX_STAGES = 3;
const ZEROS = Buffer.alloc(CUT_BYTES.data);

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
  /** The open chunk is cut when it is this long. */
  #cutBytes: number = LARGE_FILE_BYTES;
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
    if (groupBytes > 0 && groupBytes + sizeBytes > LARGE_FILE_BYTES) this.#cut();
    this.#fileBytes = sizeBytes;
    this.#fileStart = this.#stageOffset + this.#used;
    this.#cutBytes = sizeBytes < LARGE_FILE_BYTES ? LARGE_FILE_BYTES : CUT_BYTES.code;
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
      if (this.#chunkRoom() === 0 && !this.#isData()) this.#cut();
    }
  }

  appendZeros(count: number): void {
    let rest = count;
    while (rest > 0) {
      if (this.#isFileStart() && this.#fileBytes >= LARGE_FILE_BYTES) this.#cutBytes = CUT_BYTES.data;
      if (this.#used === this.#chunkStart && rest >= this.#cutBytes) {
        rest -= this.#skipZeroChunk();
      } else {
        const part = Math.min(rest, this.#chunkRoom());
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
    if (this.#fileBytes >= LARGE_FILE_BYTES || groupBytes >= LARGE_FILE_BYTES) this.#cut();
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
    return this.#cutBytes - (this.#used - this.#chunkStart);
  }

  #isFileStart(): boolean {
    return this.#stageOffset + this.#used === this.#fileStart;
  }

  /** Whether the open chunk, full as code, begins a large file that turns out to be data: then it has room again. */
  #isData(): boolean {
    const isFirst = this.#stageOffset + this.#chunkStart === this.#fileStart;
    if (!isFirst || this.#cutBytes !== CUT_BYTES.code) return false;
    if (this.#stage.readUInt32BE(this.#chunkStart) === ELF) return false;
    this.#cutBytes = CUT_BYTES.data;
    return true;
  }

  #stageRoom(): number {
    if (this.#used === STAGE_BYTES) this.#rotate();
    return STAGE_BYTES - this.#used;
  }

  #cut(): void {
    const raw = this.#stage.subarray(this.#chunkStart, this.#used);
    const chunkHash = hash('sha256', raw, 'buffer');
    const isZero = chunkHash.equals(hashOfZeros(raw.byteLength));
    this.#chunks.push({
      hash: chunkHash,
      rawBytes: raw.byteLength,
      place: { kind: isZero ? 'zero' : 'local' },
    });
    this.#chunkStart = this.#used;
  }

  /** Returns its size. */
  #skipZeroChunk(): number {
    const rawBytes = this.#cutBytes;
    if (this.#used > 0) this.#rotate();
    this.#chunks.push({ hash: hashOfZeros(rawBytes), rawBytes, place: { kind: 'zero' } });
    this.#stageOffset += rawBytes;
    return rawBytes;
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
