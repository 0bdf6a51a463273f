import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { BLOCK_BYTES, blockBitsBytes, type OnDemandFile } from '../index.ts';

export interface TestFileOptions {
  readonly number: number;
  readonly path: string;
  readonly blocks: number;
  /** Every fill takes up to as long. */
  readonly maxDelayMs?: number;
}

/** A sparse file whose every block repeats its own name; fills write it. */
export class TestFile implements OnDemandFile {
  readonly number: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly bits: SharedArrayBuffer;
  /** Ranges that were asked for. */
  readonly fills: { readonly offset: number; readonly length: number }[] = [];
  readonly markersReached: number[] = [];
  /** A range that has a block of these fails. */
  readonly broken = new Set<number>();
  readonly #maxDelayMs: number;

  private constructor({ number, path, blocks, maxDelayMs = 0 }: TestFileOptions) {
    this.number = number;
    this.path = path;
    this.sizeBytes = blocks * BLOCK_BYTES;
    this.bits = new SharedArrayBuffer(blockBitsBytes(this.sizeBytes));
    this.#maxDelayMs = maxDelayMs;
  }

  /** Makes the file, or goes on with one that is there, of which nothing counts as resident. */
  static async open(options: TestFileOptions): Promise<TestFile> {
    const file = new TestFile(options);
    await using handle = await open(file.path, 'a');
    await handle.truncate(file.sizeBytes);
    return file;
  }

  async fill(offset: number, length: number): Promise<void> {
    this.fills.push({ offset, length });
    if (this.#maxDelayMs > 0) await sleep(Math.random() * this.#maxDelayMs);
    const [first, end] = [Math.floor(offset / BLOCK_BYTES), Math.ceil((offset + length) / BLOCK_BYTES)];
    for (let block = first; block < end; block += 1)
      if (this.broken.has(block)) throw new Error(`Cannot fill block ${block}: it is broken`);
    await using handle = await open(this.path, 'r+');
    const bytes = Buffer.concat(range(first, end).map((block) => this.#block(block)));
    await handle.write(bytes, 0, bytes.length, first * BLOCK_BYTES);
    for (const block of range(first, end)) this.set('resident', block, true);
  }

  async fillAll(): Promise<void> {
    await this.fill(0, this.sizeBytes);
    this.fills.length = 0;
  }

  reached(offset: number): void {
    this.markersReached.push(offset);
  }

  set(bitmap: 'resident' | 'markers', block: number, value: boolean): void {
    const start = bitmap === 'resident' ? 0 : (this.bits.byteLength / 3) * 2;
    const bits = new Uint8Array(this.bits, start, this.bits.byteLength / 3);
    if (value) Atomics.or(bits, block >> 3, 1 << (block & 7));
    else Atomics.and(bits, block >> 3, ~(1 << (block & 7)) & 0xff);
  }

  isTouched(block: number): boolean {
    const touched = new Uint8Array(this.bits, this.bits.byteLength / 3, this.bits.byteLength / 3);
    return ((touched[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
  }

  /** Of the whole file, in hex. */
  get sha256(): string {
    const hash = createHash('sha256');
    for (const block of range(0, this.sizeBytes / BLOCK_BYTES)) hash.update(this.#block(block));
    return hash.digest('hex');
  }

  #block(block: number): Buffer {
    return Buffer.alloc(BLOCK_BYTES, `block ${block} of file ${this.number} `);
  }
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index);
}
