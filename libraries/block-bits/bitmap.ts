import { BLOCK_BYTES, blocksOf } from './geometry.ts';

/**
 * A bit per block of a file, the lowest bit of a byte first, for threads to share. Addressed in bytes of the file: a range is
 * from `start` up to, not with, `end`; blocks that it only touches count.
 */
export class Bitmap {
  readonly #bytes: Uint8Array;
  readonly #blocks: number;

  /** `bytes` has room for at least so many blocks. */
  constructor(bytes: Uint8Array, blocks: number) {
    this.#bytes = bytes;
    this.#blocks = blocks;
  }

  has(offset: number): boolean {
    return this.hasAny(offset, offset + 1);
  }

  hasAll(start: number, end: number): boolean {
    return this.#every(start, end, (at, mask) => (Atomics.load(this.#bytes, at) & mask) === mask);
  }

  hasAny(start: number, end: number): boolean {
    return !this.#every(start, end, (at, mask) => (Atomics.load(this.#bytes, at) & mask) === 0);
  }

  /** The bytes as they are now. */
  copy(): Uint8Array {
    return this.#bytes.slice();
  }

  set(start: number, end: number): void {
    this.#every(start, end, (at, mask) => {
      // Most are set already, and looking is cheaper than writing what other processors have in their caches.
      if ((Atomics.load(this.#bytes, at) & mask) !== mask) Atomics.or(this.#bytes, at, mask);
      return true;
    });
  }

  clear(start: number, end: number): void {
    this.#every(start, end, (at, mask) => {
      if ((Atomics.load(this.#bytes, at) & mask) !== 0) Atomics.and(this.#bytes, at, ~mask & 0xff);
      return true;
    });
  }

  /** In bytes of the file, of whole blocks. */
  count(start: number, end: number): number {
    let blocks = 0;
    this.#every(start, end, (at, mask) => {
      for (let bits = Atomics.load(this.#bytes, at) & mask; bits !== 0; bits &= bits - 1) blocks++;
      return true;
    });
    return blocks * BLOCK_BYTES;
  }

  /** Clears, and returns where the blocks begin that were set; of several threads one is told of each. */
  take(start: number, end: number): number[] {
    const taken: number[] = [];
    this.#every(start, end, (at, mask) => {
      if ((Atomics.load(this.#bytes, at) & mask) === 0) return true;
      const were = Atomics.and(this.#bytes, at, ~mask & 0xff) & mask;
      for (let bit = 0; bit < 8; bit++) if (were & (1 << bit)) taken.push((at * 8 + bit) * BLOCK_BYTES);
      return true;
    });
    return taken;
  }

  /** Whether `holds` for each byte that has bits of the range, with the mask of those. */
  #every(start: number, end: number, holds: (at: number, mask: number) => boolean): boolean {
    const last = Math.min(blocksOf(end), this.#blocks);
    for (let block = Math.floor(start / BLOCK_BYTES); block < last;) {
      const next = Math.min((block | 7) + 1, last);
      if (!holds(block >> 3, ((1 << (next - block)) - 1) << (block & 7))) return false;
      block = next;
    }
    return true;
  }
}
