import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@lade/log';
import type { Foreground } from './foreground.ts';
import type { ResidentBlob } from './resident-blob.ts';

const PIECE_BYTES = 1 << 20;
const REST_AFTER_FAILURE_MS = 10_000;

export interface BackgroundFillOptions {
  readonly foreground: Foreground;
  readonly log: Logger;
  /** 0 turns it off. */
  readonly bytesPerSecond: number;
}

/** Completes the blobs that are in use, one piece at a time, at a bounded rate, and while no reader waits. */
export class BackgroundFill implements AsyncDisposable {
  readonly #options: BackgroundFillOptions;
  readonly #blobs = new Set<ResidentBlob>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: BackgroundFillOptions) {
    this.#options = options;
  }

  add(blob: ResidentBlob): void {
    if (this.#options.bytesPerSecond === 0 || this.#stop.signal.aborted) return;
    this.#blobs.add(blob);
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  remove(blob: ResidentBlob): void {
    this.#blobs.delete(blob);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let blob = this.#next(); blob && !signal.aborted; blob = this.#next()) {
      await this.#fillPiece(blob, signal).catch(async (error: unknown) => {
        if (signal.aborted) return;
        this.#options.log.debug('background fill failed', { diffId: blob.diffId, error });
        await sleep(REST_AFTER_FAILURE_MS, undefined, { signal }).catch(() => {});
      });
    }
  }

  /** Takes turns. */
  #next(): ResidentBlob | undefined {
    const [blob] = this.#blobs;
    if (blob) {
      this.#blobs.delete(blob);
      this.#blobs.add(blob);
    }
    return blob;
  }

  async #fillPiece(blob: ResidentBlob, signal: AbortSignal): Promise<void> {
    await this.#options.foreground.quiet(signal);
    const { value: first } = blob.absent().next();
    if (first === undefined) return this.remove(blob);
    const { table } = blob;
    let end = first + 1;
    while (
      end < table.count &&
      !blob.isResident(end) &&
      table.offsetOf(end + 1) - table.offsetOf(first) <= PIECE_BYTES
    )
      end++;
    const [offset, length] = [table.offsetOf(first), table.offsetOf(end) - table.offsetOf(first)];
    const started = performance.now();
    await blob.fill(offset, length, { urgency: 'background', signal });
    const dueMs = (length / this.#options.bytesPerSecond) * 1000;
    await sleep(Math.max(0, dueMs - (performance.now() - started)), undefined, { signal });
  }
}
