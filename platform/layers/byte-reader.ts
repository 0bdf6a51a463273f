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

  /** That have come so far. */
  get takenBytes(): number {
    return this.#taken;
  }

  /** The next `length` bytes. Throws `data_loss` when the stream ends before. */
  async read(length: number): Promise<Buffer> {
    const pieces = [this.#rest];
    let bytes = this.#rest.byteLength;
    while (bytes < length) {
      const value = await this.#next();
      if (!value)
        throw new CodedError('data_loss', `Cannot read ${this.#name}: it ends too early`, {
          cure: 'Remove the object; it is written again when it is needed',
        });
      const piece = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      pieces.push(piece);
      bytes += piece.byteLength;
    }
    const all = pieces.length === 1 ? this.#rest : Buffer.concat(pieces, bytes);
    this.#rest = all.subarray(length);
    return all.subarray(0, length);
  }

  /** All that has not been read. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#rest.byteLength > 0) yield this.#rest;
    for (let next = await this.#next(); next; next = await this.#next()) yield next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#source.next();
    if (done === true) return undefined;
    this.#taken += value.byteLength;
    return value;
  }
}
