import { SharedCalls } from '@lade/streams';

type Tell = (bytes: number) => void;

/** Lets pulls that bring the same blob at the same time share one download. */
export class SharedDownloads {
  readonly #calls = new SharedCalls<void>();
  readonly #listeners = new Map<string, Set<Tell>>();

  /** Joins the download under `key`, or starts it; `tell` hears how many bytes are here. It ends early when nobody waits. */
  async run(
    key: string,
    download: (tell: Tell, signal: AbortSignal) => Promise<void>,
    { tell, signal }: { readonly tell: Tell; readonly signal: AbortSignal },
  ): Promise<void> {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(tell));
    const tellAll = (bytes: number): void => {
      for (const listener of listeners) listener(bytes);
    };
    try {
      await this.#calls.run(key, async (shared) => download(tellAll, shared), { signal });
    } finally {
      listeners.delete(tell);
      if (listeners.size === 0) this.#listeners.delete(key);
    }
  }
}
