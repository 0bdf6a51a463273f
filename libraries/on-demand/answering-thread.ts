import { closeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { CodedError } from '@lade/errors';
import { createEvent, signalEvent } from '@lade/linux';
import { BlockBits, type ByteRange } from './block-bits.ts';
import type { AnsweringOptions, FromAnsweringThread, ToAnsweringThread } from './messages.ts';
import type { OnDemandFile } from './on-demand-files.ts';
import type { FileKey } from './question.ts';

export interface AnsweringThreadOptions extends Omit<AnsweringOptions, 'wake'> {
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
  #stopping = false;

  private constructor({ onFailed, ...options }: AnsweringThreadOptions) {
    const wake = createEvent();
    this.#wake = wake;
    const workerData = { ...options, wake } satisfies AnsweringOptions;
    this.#worker = new Worker(new URL('./answering-worker.ts', import.meta.url), {
      workerData,
      trackUnmanagedFds: false, // descriptors come with events
    });
    this.#worker.on('message', (message: FromAnsweringThread) => this.#take(message));
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    const fail = (reason: unknown): void => {
      if (!this.#stopping) onFailed(reason);
      this.#stopping = true;
    };
    this.#worker.on('error', fail);
    this.#worker.on('exit', () =>
      fail(new CodedError('internal', 'Cannot serve files: the thread has ended')),
    );
  }

  /** Resolves when the thread reads questions. */
  static async start(options: AnsweringThreadOptions): Promise<AnsweringThread> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const thread = new AnsweringThread({
      ...options,
      onFailed: (reason) => {
        reject(reason);
        options.onFailed(reason);
      },
    });
    thread.#worker.once('message', () => resolve()); // the first is "ready"
    try {
      await promise;
      return thread;
    } catch (reason) {
      await thread[Symbol.asyncDispose]();
      throw reason;
    }
  }

  serve(file: OnDemandFile, keys: readonly FileKey[]): void {
    const { number, path, sizeBytes, bits } = file;
    this.#files.set(number, file);
    this.#send({ type: 'serve', keys, number, path, sizeBytes, bits });
  }

  forget(number: number): void {
    this.#files.delete(number);
    this.#send({ type: 'forget', number });
  }

  allServed(): void {
    this.#send({ type: 'all-served' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#send({ type: 'stop' });
    }
    await this.#exited;
    if (this.#wake !== undefined) closeSync(this.#wake);
    this.#wake = undefined;
  }

  #send(message: ToAnsweringThread): void {
    if (this.#wake === undefined) return;
    this.#worker.postMessage(message, []);
    signalEvent(this.#wake);
  }

  #take(message: FromAnsweringThread): void {
    switch (message.type) {
      case 'ready':
        return;
      case 'reached':
        return this.#files.get(message.number)?.reached(message.offset);
      case 'fill': {
        const file = this.#files.get(message.number);
        return this.#report(
          message.slot,
          file === undefined ? [] : [fill(file, message)],
          file !== undefined,
        );
      }
      case 'fill-all':
        return this.#report(
          message.slot,
          [...this.#files.values()].map((file) => fill(file, message)),
        );
    }
  }

  #report(slot: number, fills: readonly Promise<void>[], known = true): void {
    void Promise.all(fills).then(
      () => this.#send({ type: 'filled', slot, ok: known }),
      () => this.#send({ type: 'filled', slot, ok: false }),
    );
  }
}

async function fill(file: OnDemandFile, { offset, length }: ByteRange): Promise<void> {
  const clamped = { offset, length: Math.min(length, file.sizeBytes - offset) };
  if (clamped.length <= 0 || new BlockBits(file.bits, file.sizeBytes).isResident(clamped)) return;
  await file.fill(clamped.offset, clamped.length);
}
