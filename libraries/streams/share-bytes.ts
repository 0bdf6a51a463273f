import type { ByteSource } from './byte-source.ts';

type Consumers<T extends readonly unknown[]> = {
  readonly [K in keyof T]: (bytes: ByteSource) => Promise<T[K]>;
};
type Outcomes<T extends readonly unknown[]> = { [K in keyof T]: PromiseSettledResult<T[K]> };

/**
 * Reads `source` once for several consumers, which run at the same time and at the pace of the slowest. A consumer that ends
 * early holds nobody up; when none is left, the source's iterator is returned. An error of the source reaches all. The chunks are
 * shared: consumers leave them as they are.
 */
export async function shareBytes<T extends readonly unknown[]>(
  source: ByteSource,
  consumers: Consumers<T>,
): Promise<Outcomes<T>> {
  const shared = new SharedSource(source[Symbol.asyncIterator]());
  const shares = consumers.map(() => shared.open());
  const runs = consumers.map(async (consume, i) => {
    const share = shares[i] ?? shared.open();
    try {
      return await consume({ [Symbol.asyncIterator]: () => share });
    } finally {
      await share.return();
    }
  });
  return (await Promise.allSettled(runs)) as Outcomes<T>;
}

type Result = IteratorResult<Uint8Array, undefined>;

interface Share extends AsyncIterator<Uint8Array, undefined> {
  next(): Promise<Result>;
  return(): Promise<Result>;
}

const DONE: Result = { done: true, value: undefined };

/** Takes the next chunk when every share that is still open has asked for it. */
class SharedSource {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #open = new Set<Share>();
  readonly #asked = new Map<Share, PromiseWithResolvers<Result>>();
  #isReading = false;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  open(): Share {
    const share: Share = { next: async () => this.#next(share), return: async () => this.#leave(share) };
    this.#open.add(share);
    return share;
  }

  async #next(share: Share): Promise<Result> {
    if (!this.#open.has(share)) return DONE;
    const asked = Promise.withResolvers<Result>();
    this.#asked.set(share, asked);
    this.#readWhenAllAsked();
    return asked.promise;
  }

  async #leave(share: Share): Promise<Result> {
    if (!this.#open.delete(share)) return DONE;
    this.#asked.get(share)?.resolve(DONE);
    this.#asked.delete(share);
    if (this.#open.size === 0) await this.#source.return?.();
    else this.#readWhenAllAsked();
    return DONE;
  }

  #readWhenAllAsked(): void {
    if (this.#isReading || this.#asked.size < this.#open.size) return;
    this.#isReading = true;
    void this.#read();
  }

  async #read(): Promise<void> {
    let answer: (asked: PromiseWithResolvers<Result>) => void;
    try {
      const { done, value } = await this.#source.next();
      answer = (asked) => asked.resolve(done ? DONE : { done: false, value });
      if (done) this.#open.clear();
    } catch (reason) {
      answer = (asked) => asked.reject(reason);
      this.#open.clear();
    }
    const waiting = [...this.#asked.values()];
    this.#asked.clear();
    this.#isReading = false;
    for (const asked of waiting) answer(asked);
  }
}
