export interface EventsOptions<T> {
  /** Of two events with the same key of which none has been taken yet, only the later one is told, in the place of the first. */
  readonly keyOf: (event: T) => string;
  readonly signal?: AbortSignal;
}

/**
 * What some work tells, as it tells it. A slow consumer holds nothing up: it misses events that later ones have replaced. One that leaves
 * aborts the signal of the work, and waits for its end. What the work throws is thrown after the last event.
 */
export async function* eventsOf<T>(
  work: (tell: (event: T) => void, signal: AbortSignal) => Promise<void>,
  { keyOf, signal }: EventsOptions<T>,
): AsyncGenerator<T> {
  const stop = new AbortController();
  const untold = new Map<string, T>();
  let news = Promise.withResolvers<void>();
  let isOver = false;
  const tell = (event: T): void => {
    untold.set(keyOf(event), event);
    news.resolve();
  };
  const run = work(tell, signal ? AbortSignal.any([signal, stop.signal]) : stop.signal).finally(() => {
    isOver = true;
    news.resolve();
  });
  // It may fail before anybody waits for it.
  run.catch(() => {});
  try {
    while (!isOver || untold.size > 0) {
      await news.promise;
      news = Promise.withResolvers();
      for (const [key, event] of untold) {
        untold.delete(key);
        yield event;
      }
    }
    await run;
  } finally {
    stop.abort();
    await run.catch(() => {});
  }
}
