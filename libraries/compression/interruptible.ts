import type { ByteSource } from '@lade/streams';

/**
 * Passes `source` through, but throws the reason of `signal` as soon as that aborts, even from a read that the source
 * never answers. The source's iterator is returned either way; after an abort without waiting for it.
 */
export async function* interruptible(
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (signal === undefined) {
    yield* source;
    return;
  }
  signal.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  let interrupt: ((reason: unknown) => void) | undefined;
  const abort = (): void => {
    interrupt?.(signal.reason);
    void Promise.resolve(iterator.return?.()).catch(() => {});
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        interrupt = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) return;
      yield next.value;
      signal.throwIfAborted();
    }
  } finally {
    signal.removeEventListener('abort', abort);
    if (!signal.aborted) await iterator.return?.();
  }
}
