import type { PullSource } from '@lade/streams';
import { encodeTarEntry, TAR_END, tarPadding, type EncodableEntry } from './encode-tar-entry.ts';

export interface TarMember {
  readonly entry: EncodableEntry;
  /** A file's bytes, as many as the entry says; it is never asked for more. */
  readonly content?: PullSource;
}

const PIECE_BYTES = 1 << 20;

/**
 * The archive of `members`, in pieces of 1 MiB but for the last, so that equal archives come in equal pieces. A member is asked for
 * when the one before it is written. Throws as encodeTarEntry() does, RangeError when a content ends too early, and what
 * contents and `members` throw.
 */
export async function* encodeTar(members: AsyncIterable<TarMember>): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  for await (const { entry, content } of members) {
    yield* pieces.add(encodeTarEntry(entry));
    const sizeBytes = entry.sizeBytes ?? 0;
    for (let left = sizeBytes; left > 0;) {
      const room = pieces.room(left);
      const count = (await content?.(room)) ?? 0;
      if (count === 0 || count > room.byteLength)
        throw new RangeError(`the content of a tar entry ends ${left} bytes before its ${sizeBytes}`);
      yield* pieces.filled(count);
      left -= count;
    }
    yield* pieces.add(tarPadding(sizeBytes));
  }
  yield* pieces.add(TAR_END);
  yield* pieces.rest();
}

/** Cuts what is added into equal pieces, each in a buffer of its own. */
class Pieces {
  #piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #used = 0;

  /** Where at most `maxBytes` of the next bytes may be put, before filled() is called. */
  room(maxBytes: number): Uint8Array {
    return this.#piece.subarray(this.#used, this.#used + maxBytes);
  }

  *filled(count: number): Generator<Uint8Array> {
    this.#used += count;
    if (this.#used < PIECE_BYTES) return;
    yield this.#piece;
    this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#used = 0;
  }

  *add(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength;) {
      const room = this.room(bytes.byteLength - at);
      room.set(bytes.subarray(at, at + room.byteLength));
      at += room.byteLength;
      yield* this.filled(room.byteLength);
    }
  }

  *rest(): Generator<Uint8Array> {
    if (this.#used > 0) yield this.#piece.subarray(0, this.#used);
  }
}
