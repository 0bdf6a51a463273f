import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { CodedError, codeOf, type ErrorCode } from '@lade/errors';
import { openFrame, packKey } from '@lade/layers';
import type { Frame, FrameRun } from './frame-runs.ts';
import type { RequestPace } from './request-pace.ts';
import type { ResidencyCounters } from './residency-counters.ts';

/** What the requests for a run share with all others of the node. */
export interface RequestContext {
  readonly bucket: Bucket;
  readonly pace: RequestPace;
  readonly counters: ResidencyCounters;
  /** A request that brings no byte for so long has failed. */
  readonly stallMs: number;
}

/** Called with a frame's checked raw bytes; must not throw. */
export type Deliver<F extends Frame> = (frame: F, raw: Uint8Array) => Promise<void>;

/**
 * One run of frames on its way. Frames are checked and delivered one by one as their bytes arrive; a further request
 * asks only for what has not arrived. Frames that the bucket has wrong or not at all end up in `lost`.
 */
export class RunFetch<F extends Frame> {
  readonly lost: { readonly frame: F; readonly reason: unknown }[] = [];
  readonly #run: FrameRun<F>;
  readonly #context: RequestContext;
  readonly #deliver: Deliver<F>;
  readonly #opening: Promise<void>[] = [];
  #arrived = 0;

  constructor(run: FrameRun<F>, context: RequestContext, deliver: Deliver<F>) {
    this.#run = run;
    this.#context = context;
    this.#deliver = deliver;
  }

  /** Frames that are neither delivered nor lost. */
  get missing(): readonly F[] {
    return this.#run.frames.slice(this.#arrived);
  }

  /**
   * Reads what is missing, with a second request when the first is slow; resolves after the last delivery. Throws why not
   * all arrived, if another try may help.
   */
  async read(signal: AbortSignal): Promise<void> {
    try {
      await this.#readOrHedge(signal);
    } catch (reason) {
      if (!isFinal(reason)) throw reason;
      for (const frame of this.missing) this.lost.push({ frame, reason });
      this.#arrived = this.#run.frames.length;
    } finally {
      await Promise.all(this.#opening);
    }
  }

  async #readOrHedge(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const before = this.#arrived;
    const first = this.#request(both);
    try {
      await Promise.race([first, turnFor(this.#context.pace.slowMs, both)]);
      if (this.missing.length === 0) return;
      if (this.#arrived > before || !this.#context.pace.takeHedge()) return await first;
      this.#context.counters.hedges++;
      await Promise.any([first, this.#request(both)]).catch((reason: unknown) => {
        throw reason instanceof AggregateError ? reason.errors[0] : reason;
      });
    } finally {
      stop.abort();
      await first.catch(() => {});
    }
  }

  async #request(signal: AbortSignal): Promise<void> {
    const { bucket, pace, counters, stallMs } = this.#context;
    const skipped = this.#run.frames.slice(0, this.#arrived).reduce((sum, f) => sum + f.storedBytes, 0);
    const range = { offset: this.#run.offset + skipped, length: this.#run.storedBytes - skipped };
    const stalled = new AbortController();
    const timer = setTimeout(() => stalled.abort(stall(this.#run, stallMs)), stallMs);
    const started = performance.now();
    counters.requests++;
    counters.fetchedBytes += range.length;
    pace.countRequest();
    try {
      const either = AbortSignal.any([signal, stalled.signal]);
      const { body } = await bucket.get(packKey(this.#run.pack), { ...range, signal: either });
      const stored = Buffer.allocUnsafe(range.length);
      let filled = 0;
      for await (const piece of body) {
        if (filled === 0) pace.record(performance.now() - started);
        timer.refresh();
        if (filled + piece.byteLength > range.length) throw this.#unusable('it gave more than was asked for');
        stored.set(piece, filled);
        filled += piece.byteLength;
        this.#take(stored.subarray(0, filled), range.offset);
      }
      if (filled < range.length) throw this.#unusable(`it ends at byte ${range.offset + filled}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Hands on the frames that are whole by now. */
  #take(stored: Uint8Array, storedAt: number): void {
    for (const frame of this.missing) {
      const at = frame.offset - storedAt;
      if (at + frame.storedBytes > stored.byteLength) return;
      this.#arrived++;
      this.#opening.push(this.#open(frame, stored.subarray(at, at + frame.storedBytes)));
    }
  }

  async #open(frame: F, stored: Uint8Array): Promise<void> {
    let raw: Uint8Array;
    try {
      raw = await openFrame(stored, frame.chunk, packKey(frame.pack));
    } catch (reason) {
      this.lost.push({ frame, reason });
      return;
    }
    await this.#deliver(frame, raw);
  }

  #unusable(why: string): CodedError {
    return new CodedError('data_loss', `Cannot use ${packKey(this.#run.pack)}: ${why}`, {
      cure: 'Remove the pack; layers that need it are published again by the next pull from the registry',
    });
  }
}

/** A process that was held up has not looked at what has come meanwhile: it gets the time that it lost. */
async function turnFor(ms: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + ms;
  await sleep(ms, undefined, { signal });
  // A timer may also be a hair early.
  const lateMs = Math.max(0, Math.min(performance.now() - until, ms));
  await sleep(lateMs, undefined, { signal });
}

function stall({ pack }: FrameRun, stallMs: number): CodedError {
  return new CodedError('deadline_exceeded', `Cannot read ${packKey(pack)}: no byte came for ${stallMs} ms`);
}

const FINAL: readonly ErrorCode[] = ['not_found', 'out_of_range', 'data_loss', 'invalid_argument'];

/** Whether the same request would fail in the same way. */
function isFinal(reason: unknown): boolean {
  return FINAL.includes(codeOf(reason));
}
