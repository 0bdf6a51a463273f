import { CodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';

/*
 * The tar recipe: how to rebuild the exact layer tar from blob bytes. Uncompressed it is a run of operations,
 * each starting with a base-128 number (7 bits a byte, low bits first, high bit set while more follow):
 *
 *   2n      n literal tar bytes follow
 *   2n + 1  n tar bytes are in the blob; a second number gives their blob offset
 *
 * It is stored as zstd frames, back to back.
 */
const PIECE_BYTES = 1 << 20;
const MAX_LITERAL_BYTES = 64 << 10;
const MAX_NUMBER_BYTES = 8;

/**
 * Collects operations as they come; takePieces() hands out what is full, so that memory stays bounded. Neighbouring
 * operations are joined, so that the recipe does not depend on how its calls were cut.
 */
export class RecipeEncoder {
  readonly #literals = Buffer.allocUnsafe(MAX_LITERAL_BYTES);
  #literalBytes = 0;
  #data = { offset: 0, sizeBytes: 0 };
  #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #used = 0;
  #full: Uint8Array[] = [];

  literal(bytes: Uint8Array): void {
    this.#endData();
    for (let at = 0; at < bytes.byteLength;) {
      const part = bytes.subarray(at, at + MAX_LITERAL_BYTES - this.#literalBytes);
      this.#literals.set(part, this.#literalBytes);
      this.#literalBytes += part.byteLength;
      at += part.byteLength;
      if (this.#literalBytes === MAX_LITERAL_BYTES) this.#endLiteral();
    }
  }

  data(sizeBytes: number, blobOffset: number): void {
    this.#endLiteral();
    if (this.#data.sizeBytes > 0 && this.#data.offset + this.#data.sizeBytes === blobOffset) {
      this.#data.sizeBytes += sizeBytes;
      return;
    }
    this.#endData();
    this.#data = { offset: blobOffset, sizeBytes };
  }

  takePieces(): Uint8Array[] {
    const pieces = this.#full;
    this.#full = [];
    return pieces;
  }

  /** Ends the recipe: all that is left. */
  finish(): Uint8Array[] {
    this.#endLiteral();
    this.#endData();
    return [...this.takePieces(), this.#piece.subarray(0, this.#used)];
  }

  #endLiteral(): void {
    if (this.#literalBytes === 0) return;
    this.#number(this.#literalBytes * 2);
    this.#bytes(this.#literals.subarray(0, this.#literalBytes));
    this.#literalBytes = 0;
  }

  #endData(): void {
    if (this.#data.sizeBytes === 0) return;
    this.#number(this.#data.sizeBytes * 2 + 1);
    this.#number(this.#data.offset);
    this.#data = { offset: 0, sizeBytes: 0 };
  }

  #number(value: number): void {
    if (PIECE_BYTES - this.#used < MAX_NUMBER_BYTES) this.#rotate();
    let rest = value;
    while (rest >= 0x80) {
      this.#piece[this.#used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#piece[this.#used++] = rest;
  }

  #bytes(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#used === PIECE_BYTES) this.#rotate();
      const part = bytes.subarray(at, at + PIECE_BYTES - this.#used);
      this.#piece.set(part, this.#used);
      this.#used += part.byteLength;
      at += part.byteLength;
    }
  }

  #rotate(): void {
    this.#full.push(this.#piece.subarray(0, this.#used));
    this.#piece = Buffer.allocUnsafe(PIECE_BYTES);
    this.#used = 0;
  }
}

/** Reads blob bytes; yields exactly `sizeBytes`. */
export type BlobReader = (offset: number, sizeBytes: number) => ByteSource;

/** Replays an uncompressed recipe: the bytes of the layer tar. Throws `data_loss` when the recipe makes no sense. */
export async function* replayRecipe(
  recipe: ByteSource,
  readBlob: BlobReader,
  name: string,
): AsyncGenerator<Uint8Array> {
  const input = new OperationReader(recipe[Symbol.asyncIterator](), name);
  try {
    for (let head = await input.number(); head !== undefined; head = await input.number()) {
      const sizeBytes = Math.floor(head / 2);
      if (head % 2 === 0) yield* input.bytes(sizeBytes);
      else yield* readBlob(await input.offset(), sizeBytes);
    }
  } finally {
    await input.close();
  }
}

class OperationReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(source: AsyncIterator<Uint8Array>, name: string) {
    this.#source = source;
    this.#name = name;
  }

  /** The next number, or undefined where the recipe ends between two operations. */
  async number(): Promise<number | undefined> {
    let value = 0;
    for (let scale = 1, length = 0; length < MAX_NUMBER_BYTES; scale *= 0x80, length++) {
      if (!(await this.#fill())) {
        if (length === 0) return undefined;
        break;
      }
      const byte = this.#chunk[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw this.#damaged();
  }

  async offset(): Promise<number> {
    const value = await this.number();
    if (value === undefined) throw this.#damaged();
    return value;
  }

  async *bytes(count: number): AsyncGenerator<Uint8Array> {
    for (let rest = count; rest > 0;) {
      if (!(await this.#fill())) throw this.#damaged();
      const part = this.#chunk.subarray(this.#at, this.#at + rest);
      this.#at += part.byteLength;
      rest -= part.byteLength;
      yield part;
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#chunk.byteLength) {
      const next = await this.#source.next();
      if (next.done) return false;
      this.#chunk = next.value;
      this.#at = 0;
    }
    return true;
  }

  #damaged(): CodedError {
    return new CodedError('data_loss', `Cannot rebuild ${this.#name}: its tar recipe is damaged`, {
      cure: 'Remove its index from the bucket; the next pull from the registry publishes the layer again',
    });
  }
}
