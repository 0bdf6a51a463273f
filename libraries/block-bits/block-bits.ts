import { Bitmap } from './bitmap.ts';
import { blocksOf } from './geometry.ts';

/**
 * What the thread that fills a file and the one that answers the kernel tell each other about its blocks: three bitmaps in
 * one shared buffer, each padded to 8 bytes.
 *
 * | bitmap   | set                                    | cleared                          |
 * | -------- | -------------------------------------- | -------------------------------- |
 * | resident | once a block is checked and written    | before it is dropped             |
 * | touched  | whenever the kernel asks for it        | by who looks for cold blocks     |
 * | markers  | where a reader should be noticed       | when one gets there              |
 */
export class BlockBits {
  readonly shared: SharedArrayBuffer;
  readonly resident: Bitmap;
  readonly touched: Bitmap;
  readonly markers: Bitmap;

  /** Of a file of `sizeBytes`; `shared` comes from another thread's. */
  constructor(sizeBytes: number, shared = new SharedArrayBuffer(3 * bitmapBytes(sizeBytes))) {
    const bytes = bitmapBytes(sizeBytes);
    const bitmap = (n: number): Bitmap =>
      new Bitmap(new Uint8Array(shared, n * bytes, bytes), blocksOf(sizeBytes));
    this.shared = shared;
    [this.resident, this.touched, this.markers] = [bitmap(0), bitmap(1), bitmap(2)];
  }
}

function bitmapBytes(sizeBytes: number): number {
  return Math.ceil(blocksOf(sizeBytes) / 64) * 8;
}
