import { isSkippableMagic, ZSTD_MAGIC } from './detect-compression.ts';

/**
 * Cuts a zstd stream at its frame borders, because node:zlib ends at the first frame and drops whatever else was
 * written with it, but goes on when the next frame comes in a write of its own. Only cuts: bytes that are no frame pass
 * through for the decoder to refuse. Yields views.
 */
export async function* splitZstdFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const walker = new FrameWalker();
  for await (const piece of source) {
    for (let from = 0; from < piece.byteLength;) {
      const end = walker.walk(piece, from);
      yield piece.subarray(from, end);
      from = end;
    }
  }
}

/** The fields that must be read to find the end of a frame (RFC 8878 §3.1), and how many bytes each has. */
const FIELD_BYTES = { magic: 4, 'skippable-size': 4, descriptor: 1, 'block-header': 3 } as const;

class FrameWalker {
  #field: keyof typeof FIELD_BYTES = 'magic';
  #value = 0;
  #read = 0;
  #skip = 0;
  #hasChecksum = false;
  #isLastPart = false;

  /** The offset in `bytes` at which the current frame ends, or their length if it goes on. */
  walk(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.byteLength) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.byteLength - at);
        this.#skip -= skipped;
        at += skipped;
      } else {
        this.#value += (bytes[at++] ?? 0) * 2 ** (8 * this.#read++);
        if (this.#read === FIELD_BYTES[this.#field]) this.#acceptField();
      }
      if (this.#skip === 0 && this.#isLastPart) {
        this.#isLastPart = false;
        return at;
      }
    }
    return at;
  }

  #acceptField(): void {
    const value = this.#value;
    this.#value = 0;
    this.#read = 0;
    switch (this.#field) {
      case 'magic':
        this.#acceptMagic(value);
        break;
      case 'skippable-size':
        this.#endAfter(value);
        break;
      case 'descriptor':
        this.#acceptDescriptor(value);
        break;
      case 'block-header':
        this.#acceptBlockHeader(value);
    }
  }

  #acceptMagic(magic: number): void {
    if (isSkippableMagic(magic)) this.#field = 'skippable-size';
    else if (magic === ZSTD_MAGIC) this.#field = 'descriptor';
    else this.#skip = Infinity;
  }

  /** RFC 8878 §3.1.1.1: what follows the descriptor is the window byte, the dictionary id and the content size. */
  #acceptDescriptor(descriptor: number): void {
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#skip = (isSingleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
    this.#field = 'block-header';
  }

  /** RFC 8878 §3.1.1.2: bit 0 marks the last block, bits 1–2 are its type (1: one byte to repeat), the rest its size. */
  #acceptBlockHeader(header: number): void {
    const isRunLength = ((header >> 1) & 3) === 1;
    const blockBytes = isRunLength ? 1 : header >> 3;
    if ((header & 1) === 0) this.#skip = blockBytes;
    else this.#endAfter(blockBytes + (this.#hasChecksum ? 4 : 0));
  }

  #endAfter(bytes: number): void {
    this.#skip = bytes;
    this.#isLastPart = true;
    this.#field = 'magic';
  }
}
