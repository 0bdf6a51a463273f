import type { Bucket } from '@lade/bucket';
import { readHotChunks, type HotChunks } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { orAbort } from './or-abort.ts';

/** The oldest that nobody asked for is forgotten. */
const MAX_ANNOUNCED = 256;

/** What the bucket knows of starts with layers: read while the layers themselves are on their way. */
export class AnnouncedStarts implements Disposable {
  readonly #bucket: Bucket;
  readonly #reading = new Map<Digest, Promise<HotChunks | undefined>>();
  readonly #end = new AbortController();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  announce(diffId: Digest): void {
    if (this.#reading.has(diffId)) return;
    const reading = this.#read(diffId);
    // Who takes it hears of a failure.
    reading.catch(() => {});
    this.#reading.set(diffId, reading);
    const [oldest] = this.#reading.keys();
    if (oldest && this.#reading.size > MAX_ANNOUNCED) this.#reading.delete(oldest);
  }

  /** What was read when the layer was announced, once; else what the bucket says now. Throws as readHotChunks() does. */
  async take(diffId: Digest, signal: AbortSignal): Promise<HotChunks | undefined> {
    const reading = this.#reading.get(diffId) ?? this.#read(diffId);
    this.#reading.delete(diffId);
    return orAbort(reading, signal);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#reading.clear();
  }

  async #read(diffId: Digest): Promise<HotChunks | undefined> {
    return readHotChunks(this.#bucket, diffId, { signal: this.#end.signal });
  }
}
