import { closeSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { CodedError } from '@lade/errors';
import { createEvent, signalEvent } from '@lade/linux';
import type { AnsweringOptions, FromAnsweringThread, ToAnsweringThread } from './messages.ts';
import type { FileRead, OnDemandFile } from './on-demand-files.ts';
import type { FileKey } from './question.ts';

/** Reads that did not have to wait are told so much later. */
const TELL_AFTER_MS = 100;

export interface AnsweringThreadOptions extends Omit<AnsweringOptions, 'wake' | 'compileCache'> {
  /** The thread has ended before it was told to. Readers wait until another process takes over: this one should exit. */
  readonly onFailed: (reason: unknown) => void;
}

/** The main thread's end: fills what the answering thread asks for. */
export class AnsweringThread implements AsyncDisposable {
  readonly #worker: Worker;
  /** Until it is closed. */
  #wake: number | undefined;
  readonly #files = new Map<number, OnDemandFile>();
  readonly #exited: Promise<void>;
  readonly #settling: (() => void)[] = [];
  #stopping = false;

  private constructor(options: Omit<AnsweringThreadOptions, 'onFailed'>) {
    const wake = createEvent();
    this.#wake = wake;
    const workerData = { ...options, wake, compileCache: getCompileCacheDir() } satisfies AnsweringOptions;
    this.#worker = new Worker(new URL('./answering-worker.mjs', import.meta.url), {
      workerData,
      trackUnmanagedFds: false, // descriptors come with events
    });
    this.#worker.on('message', (message: FromAnsweringThread) => this.#take(message));
    process.once('exit', this.#abandon);
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  /** Resolves when the thread reads questions. */
  static async start({ onFailed, ...options }: AnsweringThreadOptions): Promise<AnsweringThread> {
    const thread = new AnsweringThread(options);
    const ready = Promise.withResolvers<void>();
    thread.#worker.once('message', () => ready.resolve()); // the first is "ready"
    const failed = thread.#failure();
    try {
      await Promise.race([ready.promise, failed]);
    } catch (reason) {
      await thread[Symbol.asyncDispose]();
      throw reason;
    }
    failed.catch(onFailed);
    return thread;
  }

  /** Rejects when the thread ends before it was told to. */
  #failure(): Promise<never> {
    return new Promise((_, reject) => {
      const fail = (message: string, cause?: unknown): void => {
        if (!this.#stopping) reject(new CodedError('internal', message, { cause }));
        this.#stopping = true;
      };
      this.#worker.once('error', (reason) =>
        fail(reason instanceof Error ? reason.message : String(reason), reason),
      );
      this.#worker.once('exit', () => fail('Cannot serve files: the answering thread has ended'));
    });
  }

  serve(file: OnDemandFile, keys: readonly FileKey[]): void {
    const { number, path, sizeBytes, bits } = file;
    this.#files.set(number, file);
    this.#send({ type: 'serve', keys, number, path, sizeBytes, bits: bits.shared });
  }

  forget(number: number): void {
    this.#files.delete(number);
    this.#send({ type: 'forget', number });
  }

  allServed(): void {
    this.#send({ type: 'all-served' });
  }

  /** Resolves when every answer that was begun before is given. */
  async settled(): Promise<void> {
    const settled = Promise.withResolvers<void>();
    this.#settling.push(settled.resolve);
    this.#send({ type: 'settle' });
    await Promise.race([settled.promise, this.#exited]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#send({ type: 'stop' });
    }
    await this.#exited;
    process.off('exit', this.#abandon);
    if (this.#wake !== undefined) closeSync(this.#wake);
    this.#wake = undefined;
  }

  /** This process joins its threads before it ends, and nothing else wakes this one. */
  readonly #abandon = (): void => this.#send({ type: 'abandon' });

  #send(message: ToAnsweringThread): void {
    if (this.#wake === undefined) return;
    this.#worker.postMessage(message, []);
    signalEvent(this.#wake);
  }

  #take(message: FromAnsweringThread): void {
    switch (message.type) {
      case 'ready':
        return;
      case 'settled':
        return this.#settling.shift()?.();
      case 'reached':
        return this.#files.get(message.number)?.reached(message.offset);
      case 'reading':
        setTimeout(() => this.#send({ type: 'tell' }), TELL_AFTER_MS).unref();
        return;
      case 'read':
        for (const { number, ...reading } of message.readings) this.#files.get(number)?.read(reading);
        return;
      case 'fill':
        return this.#report(message.slot, [fill(this.#files.get(message.number), message)]);
      case 'fill-all':
        return this.#report(
          message.slot,
          [...this.#files.values()].map((file) => fill(file, { ...message, reader: '' })),
        );
    }
  }

  #report(slot: number, fills: readonly Promise<void>[]): void {
    void Promise.all(fills).then(
      () => this.#send({ type: 'filled', slot, ok: true }),
      () => this.#send({ type: 'filled', slot, ok: false }),
    );
  }
}

/** Rejects for a file that was forgotten meanwhile. */
async function fill(file: OnDemandFile | undefined, { offset, length, reader }: FileRead): Promise<void> {
  if (file === undefined) throw new CodedError('not_found', 'Cannot fill a range: the file is not served');
  const clamped = { offset, length: Math.min(length, file.sizeBytes - offset) };
  if (clamped.length <= 0) return;
  // It came while the question was on its way.
  if (file.bits.resident.hasAll(offset, offset + clamped.length))
    return file.read({ ...clamped, reader, requests: 1 });
  await file.fill(clamped.offset, clamped.length, reader);
}
