import { BLOCK_BYTES } from './geometry.ts';

/** Above the largest thing written in one go (an inode with 256 KiB of xattrs) by what a piece should have at least. */
const PIECE_BYTES = 512 * 1024;
/** A piece ends where the next thing begins, and between two things there may be most of a block that nothing fills. */
const FILLED_BYTES = PIECE_BYTES - BLOCK_BYTES;

/** A zeroed window over an image that is written front to back and given away piece by piece. */
export class PieceBuffer {
  readonly #imageBytes: number;
  readonly #sealFirst: (first: Buffer) => void;
  #start = 0;
  #bytes: Buffer;
  #view: DataView;

  /** `sealFirst` gets the first piece when everything else in it is written. */
  constructor(imageBytes: number, sealFirst: (first: Buffer) => void) {
    this.#imageBytes = imageBytes;
    this.#sealFirst = sealFirst;
    this.#bytes = this.#window();
    this.#view = viewOf(this.#bytes);
  }

  /** Where the window begins in the image. */
  get start(): number {
    return this.#start;
  }

  get view(): DataView {
    return this.#view;
  }

  hasRoom(offset: number, length: number): boolean {
    return offset + length - this.#start <= FILLED_BYTES;
  }

  /** Gives away what lies before `offset` and moves the window there. RangeError for an `offset` outside the window. */
  cut(offset: number): Uint8Array {
    const end = this.#start + this.#bytes.length;
    if (offset < this.#start || offset > end)
      throw new RangeError(`a piece from ${this.#start} can be cut up to ${end}, not at ${offset}`);
    const piece = this.#bytes.subarray(0, offset - this.#start);
    if (this.#start === 0) this.#sealFirst(piece);
    this.#start = offset;
    this.#bytes = this.#window();
    this.#view = viewOf(this.#bytes);
    return piece;
  }

  #window(): Buffer {
    return Buffer.alloc(Math.min(PIECE_BYTES, this.#imageBytes - this.#start));
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
