import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { BLOCK_BYTES, BlockBits } from '@lade/block-bits';
import type { FileRead, OnDemandFile } from '../index.ts';

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
  readonly bits: BlockBits;
  /** Ranges that were asked for. */
  readonly fills: FileRead[] = [];
  /** Reads that did not have to wait. */
  readonly reads: (FileRead & { readonly requests: number })[] = [];
  readonly markersReached: number[] = [];
  /** A range that has a block of these fails. */
  readonly broken = new Set<number>();
  readonly #maxDelayMs: number;

  private constructor({ number, path, blocks, maxDelayMs = 0 }: TestFileOptions) {
    this.number = number;
    this.path = path;
    this.sizeBytes = blocks * BLOCK_BYTES;
    this.bits = new BlockBits(this.sizeBytes);
    this.#maxDelayMs = maxDelayMs;
  }

  /** Makes the file, or goes on with one that is there, of which nothing counts as resident. */
  static async open(options: TestFileOptions): Promise<TestFile> {
    const file = new TestFile(options);
    await using handle = await open(file.path, 'a');
    await handle.truncate(file.sizeBytes);
    return file;
  }

  async fill(offset: number, length: number, reader: string): Promise<void> {
    this.fills.push({ offset, length, reader });
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
    await this.fill(0, this.sizeBytes, '');
    this.fills.length = 0;
  }

  read(reading: FileRead & { readonly requests: number }): void {
    this.reads.push(reading);
  }

  reached(offset: number): void {
    this.markersReached.push(offset);
  }

  set(bitmap: 'resident' | 'markers', block: number, value: boolean): void {
    const [start, end] = [block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES];
    if (value) this.bits[bitmap].set(start, end);
    else this.bits[bitmap].clear(start, end);
  }

  isTouched(block: number): boolean {
    return this.bits.touched.has(block * BLOCK_BYTES);
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
