import { watch } from 'node:fs';
import type { LogFile } from './container-logs.ts';
import { LogReader } from './log-reader.ts';
import type { Output } from './ports.ts';

/** However the kernel's news of changes fail. */
const LOOK_MS = 1_000;

interface ReadOptions {
  /** Goes on until this resolves, by when all is written. */
  readonly until?: Promise<unknown> | undefined;
  readonly signal: AbortSignal;
}

/** Files that may be unlinked from now on. */
export interface OpenLogs extends AsyncDisposable {
  /** What is in them, and what comes to them. */
  read(options: ReadOptions): AsyncGenerator<Output>;
}

/** From the last `tail` lines of each on, or from their starts. */
export async function openLogs(files: readonly LogFile[], tail?: number): Promise<OpenLogs> {
  await using stack = new AsyncDisposableStack();
  const readers: LogReader[] = [];
  for (const file of files) readers.push(stack.use(await LogReader.open(file, tail)));
  const owned = stack.move();
  return {
    read: (options) => readOn(files, readers, options),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

async function* readOn(
  files: readonly LogFile[],
  readers: readonly LogReader[],
  { until, signal }: ReadOptions,
): AsyncGenerator<Output> {
  using news = new News(files, signal);
  let isOver = until === undefined;
  const end = (): void => {
    isOver = true;
    news.tell();
  };
  until?.then(end, end);
  for (;;) {
    const isLast = isOver;
    for (const reader of readers) yield* reader.rest();
    if (isLast) return;
    await news.next();
    signal.throwIfAborted();
  }
}

/** Tells that there may be something new. */
class News implements Disposable {
  readonly #stack = new DisposableStack();
  #news = Promise.withResolvers<void>();

  constructor(files: readonly LogFile[], signal: AbortSignal) {
    const tell = (): void => this.tell();
    signal.addEventListener('abort', tell, { once: true });
    this.#stack.defer(() => signal.removeEventListener('abort', tell));
    const timer = setInterval(tell, LOOK_MS);
    this.#stack.defer(() => clearInterval(timer));
    for (const { path } of files) this.#watch(path);
  }

  tell(): void {
    this.#news.resolve();
  }

  async next(): Promise<void> {
    await this.#news.promise;
    this.#news = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  /** There is a limit of watches. */
  #watch(path: string): void {
    try {
      const watcher = watch(path, () => this.tell());
      watcher.on('error', () => {});
      this.#stack.defer(() => watcher.close());
    } catch {
      // The timer remains.
    }
  }
}
