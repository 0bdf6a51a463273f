/**
 * Runs `work` over `items` with at most `limit` in flight and waits for all. The first failure aborts the signal
 * that the others got, and is thrown once they have settled.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const iterator = items[Symbol.iterator]();
  let failure: { reason: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      if (signal.aborted) return;
      try {
        await work(next.value, signal);
      } catch (reason) {
        failure ??= { reason };
        stop.abort(reason);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  if (failure) throw failure.reason;
  options.signal?.throwIfAborted();
}
