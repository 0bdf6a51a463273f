import type { WaitOptions } from '../bucket.ts';
import type { OngoingUpload, PartStore } from './part-store.ts';

const ABANDONED_MS = 7 * 24 * 3_600_000;
const PAUSE_MS = 24 * 3_600_000;
const PATIENCE_MS = 60_000;

/** Looks for uploads that nobody goes on with, in the background, once a day at most. */
export class AbandonedUploads implements AsyncDisposable {
  readonly #store: PartStore;
  readonly #prefix: string;
  readonly #stop = new AbortController();
  #sweep: Promise<void> = Promise.resolve();
  #next = 0;

  constructor(store: PartStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  /** Begins to abort those below the prefix that got no part for a week, unless that was done today. What fails is left to the next day. */
  sweep(): void {
    if (Date.now() < this.#next) return;
    this.#next = Date.now() + PAUSE_MS;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
    this.#sweep = this.#abortAll({ signal }).catch(() => {});
  }

  async #abortAll(options: WaitOptions): Promise<void> {
    const latest = Date.now() - ABANDONED_MS;
    for (const upload of await this.#store.uploads(this.#prefix, options))
      if (upload.begunAt.getTime() < latest && (await this.#isQuiet(upload, latest, options)))
        await this.#store.abort(upload, options);
  }

  async #isQuiet(upload: OngoingUpload, latest: number, options: WaitOptions): Promise<boolean> {
    const parts = await this.#store.parts(upload, options);
    return parts.every(({ storedAt }) => storedAt.getTime() < latest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sweep;
  }
}
