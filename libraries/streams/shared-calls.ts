import { orAbort } from './or-abort.ts';

interface Call<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

/** Lets callers that want the same thing at the same time share one piece of work. */
export class SharedCalls<T> {
  readonly #calls = new Map<string, Call<T>>();

  /** Joins the work under `key`, or starts it. Its signal aborts when nobody waits for it any more. */
  async run(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: { readonly signal?: AbortSignal },
  ): Promise<T> {
    options.signal?.throwIfAborted();
    const call = this.#calls.get(key) ?? this.#start(key, work);
    call.waiting++;
    try {
      return await orAbort(call.result, options.signal);
    } finally {
      if (--call.waiting === 0) {
        this.#forget(key, call);
        call.stop.abort();
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Call<T> {
    const stop = new AbortController();
    const call: Call<T> = { result: work(stop.signal), stop, waiting: 0 };
    this.#calls.set(key, call);
    // The last waiter may have left before it fails.
    call.result.catch(() => undefined);
    return call;
  }

  #forget(key: string, call: Call<T>): void {
    if (this.#calls.get(key) === call) this.#calls.delete(key);
  }
}
