interface WaitFigures {
  waits: number;
  waitMs: number;
}

/** Counts a read that waits, from now until it is disposed. */
export function countWait(...counted: readonly WaitFigures[]): Disposable & { readonly ms: number } {
  const started = performance.now();
  for (const figures of counted) figures.waits++;
  return {
    get ms() {
      return performance.now() - started;
    },
    [Symbol.dispose]() {
      for (const figures of counted) figures.waitMs += performance.now() - started;
    },
  };
}
