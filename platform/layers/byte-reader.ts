import { CodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';

/** Reads a stream in pieces of the sizes that its format has. Disposal ends the stream. */
export class ByteReader implements AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #rest: Buffer = Buffer.alloc(0);
  #taken = 0;

  /** `name` is what errors say. */
  constructor(source: ByteSource, name: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** That read() does not wait for. */
  get availableBytes(): number {
    return this.#rest.byteLength;
  }

  /** That have come so far. */
  get takenBytes(): number {
    return this.#taken;
  }

  /** The next `length` bytes. Throws `data_loss` when the stream ends before. */
  async read(length: number): Promise<Buffer> {
    if (this.#rest.byteLength >= length) return this.#take(length);
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; ;) {
      const piece = this.#take(Math.min(length - at, this.#rest.byteLength));
      bytes.set(piece, at);
      at += piece.byteLength;
      if (at === length) return bytes;
      const next = await this.#next();
      if (!next)
        throw new CodedError('data_loss', `Cannot read ${this.#name}: it ends too early`, {
          cure: 'Remove the object; it is written again when it is needed',
        });
      this.#rest = Buffer.from(next.buffer, next.byteOffset, next.byteLength);
    }
  }

  /** All that has not been read. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#rest.byteLength > 0) yield this.#rest;
    for (let next = await this.#next(); next; next = await this.#next()) yield next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }

  #take(length: number): Buffer {
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return piece;
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#source.next();
    if (done === true) return undefined;
    this.#taken += value.byteLength;
    return value;
  }
}
