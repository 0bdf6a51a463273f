/** What the bitmaps count in. */
export const BLOCK_BYTES = 4096;

/** A range of a file, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Bytes that the three bitmaps of a file take together. */
export function blockBitsBytes(sizeBytes: number): number {
  return 3 * bitmapBytes(sizeBytes);
}

function bitmapBytes(sizeBytes: number): number {
  return Math.ceil(Math.ceil(sizeBytes / BLOCK_BYTES) / 64) * 8;
}

/**
 * What the threads tell each other about a file's blocks: three bitmaps, a bit per block, the lowest bit of a byte first,
 * each padded to 8 bytes.
 *
 * | bitmap   | set                           | cleared                    |
 * | -------- | ----------------------------- | -------------------------- |
 * | resident | by who wrote and checked it   | before the block is dropped |
 * | touched  | here, when somebody reads it  | by who looks for cold ones |
 * | markers  | by who wants to know          | here, when it is reached   |
 */
export class BlockBits {
  readonly #blocks: number;
  readonly #resident: Uint8Array;
  readonly #touched: Uint8Array;
  readonly #markers: Uint8Array;

  constructor(bits: SharedArrayBuffer, sizeBytes: number) {
    const bytes = bitmapBytes(sizeBytes);
    this.#blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
    this.#resident = new Uint8Array(bits, 0, bytes);
    this.#touched = new Uint8Array(bits, bytes, bytes);
    this.#markers = new Uint8Array(bits, 2 * bytes, bytes);
  }

  isResident(range: ByteRange): boolean {
    return this.#every(range, (byte, mask) => (Atomics.load(this.#resident, byte) & mask) === mask);
  }

  touch(range: ByteRange): void {
    this.#every(range, (byte, mask) => {
      if ((Atomics.load(this.#touched, byte) & mask) !== mask) Atomics.or(this.#touched, byte, mask);
      return true;
    });
  }

  /** Clears the markers in the range; returns whether there were any. */
  takeMarkers(range: ByteRange): boolean {
    let found = false;
    this.#every(range, (byte, mask) => {
      if ((Atomics.load(this.#markers, byte) & mask) !== 0)
        found = (Atomics.and(this.#markers, byte, ~mask & 0xff) & mask) !== 0 || found;
      return true;
    });
    return found;
  }

  /** Whether `holds` for each byte of a bitmap that has bits of the range, with the mask of those. */
  #every({ offset, length }: ByteRange, holds: (byte: number, mask: number) => boolean): boolean {
    const first = Math.floor(offset / BLOCK_BYTES);
    const end = Math.min(Math.ceil((offset + length) / BLOCK_BYTES), this.#blocks);
    for (let block = first; block < end;) {
      const next = Math.min((Math.floor(block / 8) + 1) * 8, end);
      const mask = ((1 << (next - block)) - 1) << (block % 8);
      if (!holds(Math.floor(block / 8), mask)) return false;
      block = next;
    }
    return true;
  }
}
