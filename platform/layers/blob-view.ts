import { CodedError } from '@lade/errors';
import type { LayerIndex } from './index-object.ts';
import { indexKey } from './object-keys.ts';

/** Chunks being loaded beyond the one that is read: bounds memory, and hides the bucket's latency. */
const AHEAD = 16;

/** A blob read through its chunks; meant for reading forwards, so the chunks that follow are loaded ahead. */
export class BlobView {
  readonly #index: LayerIndex;
  readonly #load: (chunkNumber: number) => Promise<Uint8Array>;
  readonly #ends: Float64Array;
  readonly #loading = new Map<number, Promise<Uint8Array>>();

  constructor(index: LayerIndex, load: (chunkNumber: number) => Promise<Uint8Array>) {
    this.#index = index;
    this.#load = load;
    let end = 0;
    this.#ends = Float64Array.from(index.chunks, (chunk) => (end += chunk.rawBytes));
  }

  /** Yields exactly `sizeBytes`; throws `data_loss` for a range beyond the blob. */
  async *read(offset: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
    let number = this.#find(offset);
    for (let at = offset, rest = sizeBytes; rest > 0; number++) {
      if (number >= this.#ends.length) throw this.#beyond();
      const bytes = await this.#chunk(number);
      const start = (this.#ends[number] ?? 0) - bytes.byteLength;
      const part = bytes.subarray(at - start, at - start + rest);
      yield part;
      at += part.byteLength;
      rest -= part.byteLength;
    }
  }

  async #chunk(number: number): Promise<Uint8Array> {
    for (const loaded of this.#loading.keys()) {
      if (loaded < number || loaded > number + AHEAD) this.#loading.delete(loaded);
    }
    const last = Math.min(number + AHEAD, this.#ends.length - 1);
    for (let next = number; next <= last; next++) {
      if (this.#loading.has(next)) continue;
      const loading = this.#load(next);
      // Whoever reads this far is told of the failure.
      loading.catch(() => {});
      this.#loading.set(next, loading);
    }
    return this.#loading.get(number) ?? this.#load(number);
  }

  /** The first chunk that ends beyond `offset`. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #beyond(): CodedError {
    const { diffId } = this.#index.header;
    return new CodedError('data_loss', `Cannot rebuild layer ${diffId}: its recipe points past the blob`, {
      cure: `Remove ${indexKey(diffId)} from the bucket; the next pull from the registry publishes the layer again`,
    });
  }
}
