import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@lade/log';
import { outsideTraces } from '@lade/tracing';
import type { Foreground } from './foreground.ts';
import type { ResidentBlob } from './resident-blob.ts';

const PIECE_BYTES = 1 << 20;
const REST_MS = 10_000;
/** Between two reads of a program that is starting. */
const QUIET_MS = 1_000;

export interface BackgroundFillOptions {
  readonly foreground: Foreground;
  readonly log: Logger;
  /** 0 turns it off. */
  readonly bytesPerSecond: number;
}

/** Completes the blobs that are in use, one piece at a time, at a bounded rate, and while no reader waits. */
export class BackgroundFill implements AsyncDisposable {
  readonly #options: BackgroundFillOptions;
  /** Where to go on in each blob; the one whose turn is next comes first. */
  readonly #blobs = new Map<ResidentBlob, number>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: BackgroundFillOptions) {
    this.#options = options;
  }

  add(blob: ResidentBlob): void {
    if (this.#options.bytesPerSecond === 0 || this.#stop.signal.aborted) return;
    this.#blobs.set(blob, 0);
    this.#running ??= outsideTraces(() => this.#run()).finally(() => (this.#running = undefined));
  }

  has(blob: ResidentBlob): boolean {
    return this.#blobs.has(blob);
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
    for (let [next] = this.#blobs; next && !signal.aborted; [next] = this.#blobs) {
      const [blob, from] = next;
      await this.#fillPiece(blob, from, signal).catch(async (error: unknown) => {
        if (signal.aborted) return;
        this.#options.log.debug('background fill failed', { diffId: blob.diffId, error });
        await sleep(REST_MS, undefined, { signal }).catch(() => {});
      });
    }
  }

  /** A piece that fails is skipped until the rest of the blob was tried. */
  async #fillPiece(blob: ResidentBlob, from: number, signal: AbortSignal): Promise<void> {
    await this.#options.foreground.quiet(signal, QUIET_MS);
    if (!this.#blobs.delete(blob)) return;
    const { value: first } = blob.absent(from).next();
    if (first === undefined) {
      if (blob.absent().next().done === true) return;
      this.#blobs.set(blob, 0);
      await sleep(REST_MS, undefined, { signal });
      return;
    }
    const { table } = blob;
    const sizeOf = (end: number): number => table.offsetOf(end) - table.offsetOf(first);
    let end = first + 1;
    while (end < table.count && !blob.isResident(end) && sizeOf(end + 1) <= PIECE_BYTES) end++;
    this.#blobs.set(blob, end);
    const started = performance.now();
    await blob.fill(table.offsetOf(first), sizeOf(end), { urgency: 'background', signal });
    const dueMs = (sizeOf(end) / this.#options.bytesPerSecond) * 1000;
    await sleep(Math.max(0, dueMs - (performance.now() - started)), undefined, { signal });
  }
}
