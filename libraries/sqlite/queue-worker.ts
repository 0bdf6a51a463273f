import { setTimeout as sleep } from 'node:timers/promises';
import { fromUnknown } from '@lade/errors';
import type { Logger } from '@lade/log';
import { inTrace, type TraceContext } from '@lade/tracing';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;

export interface QueuedItem<T> {
  readonly id: number;
  readonly item: T;
  /** What has led to it. */
  readonly trace: TraceContext | undefined;
}

/** Where a durable queue is kept. */
export interface QueueTable<T> {
  first(): QueuedItem<T> | undefined;
  moveToEnd(id: number): void;
  remove(id: number): void;
}

export interface QueueWork<T> {
  /** What the log calls an item: "upload". */
  readonly name: string;
  /** Must be safe to repeat. */
  readonly run: (item: T, signal: AbortSignal) => Promise<void>;
  /** Fields for the log. */
  readonly describe: (item: T) => Readonly<Record<string, unknown>>;
  /** Whether trying again cannot help: the item is dropped. */
  readonly isHopeless: (reason: unknown) => boolean;
}

/**
 * Works a durable queue off, one item at a time, with any number of failures and restarts between; an item that fails goes to
 * the end. Disposing stops the work that runs and keeps its item queued.
 */
export class QueueWorker<T> implements AsyncDisposable {
  readonly #table: QueueTable<T>;
  readonly #work: QueueWork<T>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #lastError: string | undefined;

  constructor(table: QueueTable<T>, work: QueueWork<T>, log: Logger) {
    this.#table = table;
    this.#work = work;
    this.#log = log;
  }

  /** Why the last attempt failed, if it did. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Says that the table has something new. */
  wake(): void {
    this.#wake.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.resolve();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const next = this.#table.first();
      if (!next) {
        await this.#wake.promise;
        continue;
      }
      const { id, item, trace } = next;
      if (await inTrace(trace, async () => this.#attemptSafely(id, item))) retryMs = FIRST_RETRY_MS;
      else {
        await sleep(retryMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
  }

  /** A database that cannot be written, on a full disk, is one more reason to try later. */
  async #attemptSafely(id: number, item: T): Promise<boolean> {
    try {
      return await this.#attempt(id, item);
    } catch (reason) {
      this.#lastError = fromUnknown(reason).message;
      const { name, describe } = this.#work;
      this.#log.error(`${name} not recorded, will retry`, { ...describe(item), error: reason });
      return false;
    }
  }

  async #attempt(id: number, item: T): Promise<boolean> {
    const { name, describe, isHopeless } = this.#work;
    try {
      await this.#work.run(item, this.#stop.signal);
      this.#lastError = undefined;
    } catch (reason) {
      if (this.#stop.signal.aborted) return false;
      this.#lastError = fromUnknown(reason).message;
      if (!isHopeless(reason)) {
        this.#log.warn(`${name} failed, will retry`, { ...describe(item), error: reason });
        this.#table.moveToEnd(id);
        return false;
      }
      this.#log.error(`${name} dropped: its source is gone from this node`, {
        ...describe(item),
        error: reason,
      });
    }
    this.#table.remove(id);
    return true;
  }
}
