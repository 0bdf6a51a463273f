import { BLOCK_BYTES, blocksOf } from '@lade/layers';

/*
 * What is shared with the thread that answers the kernel, per blob: three bitmaps of one bit per block, least significant
 * bit first, each padded to a multiple of 8 bytes.
 *
 *   resident   set here once a block's bytes are checked and written; cleared before they go
 *   touched    set there whenever the kernel asks for a block; cleared here by the eviction clock
 *   markers    set here where a reader should be noticed; cleared there, which tells `reached`
 */
export class BlockBits {
  readonly shared: SharedArrayBuffer;
  readonly resident: Bitmap;
  readonly touched: Bitmap;
  readonly markers: Bitmap;

  constructor(blobBytes: number, shared = new SharedArrayBuffer(3 * bitmapBytes(blobBytes))) {
    const bytes = bitmapBytes(blobBytes);
    const bitmap = (n: number): Bitmap => new Bitmap(new Uint8Array(shared, n * bytes, bytes));
    this.shared = shared;
    [this.resident, this.touched, this.markers] = [bitmap(0), bitmap(1), bitmap(2)];
  }
}

function bitmapBytes(blobBytes: number): number {
  return Math.ceil(blocksOf(blobBytes) / 64) * 8;
}

/** Bits of blocks, addressed by bytes of the blob: a range is from `start` up to, not with, `end`. */
export class Bitmap {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  has(offset: number): boolean {
    const block = Math.floor(offset / BLOCK_BYTES);
    return (Atomics.load(this.#bytes, block >> 3) & (1 << (block & 7))) !== 0;
  }

  hasAny(start: number, end: number): boolean {
    for (const [at, mask] of masks(start, end)) if (Atomics.load(this.#bytes, at) & mask) return true;
    return false;
  }

  set(start: number, end: number): void {
    for (const [at, mask] of masks(start, end)) Atomics.or(this.#bytes, at, mask);
  }

  clear(start: number, end: number): void {
    for (const [at, mask] of masks(start, end)) Atomics.and(this.#bytes, at, ~mask & 0xff);
  }
}

/** The bytes of a bitmap that a range touches, each with the bits in question. */
function* masks(start: number, end: number): Generator<readonly [at: number, mask: number]> {
  const [first, last] = [Math.floor(start / BLOCK_BYTES), blocksOf(end)];
  for (let block = first; block < last;) {
    const until = Math.min(last, (block | 7) + 1);
    yield [block >> 3, ((1 << (until - block)) - 1) << (block & 7)];
    block = until;
  }
}
