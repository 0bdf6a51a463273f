import type { Bucket } from '@lade/bucket';
import { openHotChunks, type HotChunks } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { orAbort } from '@lade/streams';

/** Reads under way at the same time: what a reader asks for meanwhile has its share of the connections. */
const MAX_OPEN = 6;
/** What nobody has asked for by then belongs to a layer that does not come. */
const KEEP_MS = 30_000;

type Opening = Promise<HotChunks | undefined>;

/** What the bucket knows of starts with layers: asked for while the layers themselves are on their way. */
export class AnnouncedStarts implements AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #announced = new Map<Digest, Opening>();
  readonly #end = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #open = 0;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  announce(diffId: Digest): void {
    if (this.#announced.has(diffId) || this.#end.signal.aborted) return;
    const opening = this.#openOne(diffId);
    // Who takes it hears of a failure.
    opening.catch(() => {});
    this.#announced.set(diffId, opening);
    setTimeout(() => this.#forget(diffId, opening), KEEP_MS).unref();
  }

  /** Opened when the layer was announced, or else now. Throws as openHotChunks() does; an abort ends the wait. */
  async take(diffId: Digest, signal: AbortSignal): Opening {
    const opening = this.#announced.get(diffId) ?? this.#openOne(diffId);
    this.#announced.delete(diffId);
    try {
      return await orAbort(opening, signal);
    } catch (reason) {
      dispose(opening);
      throw reason;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    for (const [diffId, opening] of this.#announced) this.#forget(diffId, opening);
  }

  #forget(diffId: Digest, opening: Opening): void {
    if (this.#announced.get(diffId) !== opening) return;
    this.#announced.delete(diffId);
    dispose(opening);
  }

  async #openOne(diffId: Digest): Opening {
    if (this.#open >= MAX_OPEN) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#open++;
    await using stack = new AsyncDisposableStack();
    stack.defer(() => this.#leave());
    const hot = await openHotChunks(this.#bucket, diffId, { signal: this.#end.signal });
    if (!hot) return undefined;
    stack.use(hot);
    const owned = stack.move();
    return {
      numbers: hot.numbers,
      chunks: () => hot.chunks(),
      get fetchedBytes() {
        return hot.fetchedBytes;
      },
      [Symbol.asyncDispose]: async () => owned.disposeAsync(),
    };
  }

  /** The next one has the turn of the one that has ended. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#open--;
  }
}

/** Whenever it is there, and if it is. */
function dispose(opening: Opening): void {
  opening.then(async (hot) => hot?.[Symbol.asyncDispose]()).catch(() => {});
}
