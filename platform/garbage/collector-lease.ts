import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { SWEEP_KEY, encodeSweep, isHeld, readSweep, type StoredSweep, type Sweep } from './sweep.ts';

const LEASE_MS = 5 * 60_000;
const RENEW_MS = 60_000;
/** For one request. */
const REQUEST_MS = 60_000;
/** Where a store only looks before it puts, whoever looked before our put has put, or given up, by then. */
const SETTLE_MS = REQUEST_MS + 5_000;

export interface CollectorOptions {
  readonly bucket: Bucket;
  readonly node: string;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Being the one node that collects. Whoever crashes with it is in nobody's way for longer than the lease and the difference of two
 * clocks.
 */
export class CollectorLease implements AsyncDisposable {
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal;
  readonly #options: CollectorOptions;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #sweep: Sweep;
  #version: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: CollectorOptions, { sweep, version }: StoredSweep) {
    this.#options = options;
    // What one that died was removing is not going to be removed.
    this.#sweep = { id: sweep.keys.length > 0 ? randomUUID() : sweep.id, keys: [] };
    this.#version = version;
    this.signal = AbortSignal.any([options.signal, this.#lost.signal]);
    this.#timer = setInterval(() => {
      this.#write(this.#sweep.keys).catch((reason: unknown) => this.#lost.abort(reason));
    }, RENEW_MS).unref();
  }

  /** Throws `failed_precondition` when another node collects. */
  static async take(options: CollectorOptions): Promise<CollectorLease> {
    const { bucket, now, signal } = options;
    const stored = await readSweep(bucket, { signal });
    if (isHeld(stored.sweep, now())) throw held(stored.sweep, bucket);
    const lease = new CollectorLease(options, stored);
    try {
      await lease.#write([]);
      if ((await bucket.conditionalPuts({ signal })) === 'emulated') await lease.#settle();
      return lease;
    } catch (reason) {
      clearInterval(lease.#timer);
      throw reason;
    }
  }

  /** Says what is going to be removed. From then on nobody begins to use it who has not told so. */
  async announce(keys: readonly string[]): Promise<void> {
    await this.#write(keys, randomUUID());
  }

  /** Removes some of what was announced. When this fails, the lease has to run out: a request may still be on its way. */
  async remove(keys: readonly string[]): Promise<void> {
    const { bucket, now } = this.#options;
    this.signal.throwIfAborted();
    if (now() > Date.parse(this.#sweep.until ?? '') - 2 * REQUEST_MS) await this.#write(this.#sweep.keys);
    await bucket.delete(keys, {
      signal: AbortSignal.any([this.signal, AbortSignal.timeout(REQUEST_MS)]),
    });
  }

  /** All that was announced is removed, or not going to be. */
  async conclude(): Promise<void> {
    await this.#write([], randomUUID());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#serially(async () => {
      // Else something that was announced might still be removed.
      if (this.#sweep.keys.length === 0) await this.#put({ id: this.#sweep.id, keys: [] });
    }).catch(() => {});
  }

  async #write(keys: readonly string[], id = this.#sweep.id): Promise<void> {
    const { node, now } = this.#options;
    return this.#serially(async () => {
      const until = new Date(now() + LEASE_MS).toISOString();
      await this.#put({ id, holder: node, until, keys });
    });
  }

  async #put(sweep: Sweep): Promise<void> {
    const { bucket } = this.#options;
    const condition = this.#version === undefined ? { absent: true as const } : { version: this.#version };
    try {
      const signal = AbortSignal.timeout(REQUEST_MS);
      const { version } = await bucket.put(SWEEP_KEY, encodeSweep(sweep), { condition, signal });
      this.#version = version;
      this.#sweep = sweep;
    } catch (reason) {
      const isOvertaken =
        isCodedError(reason, 'already_exists') || isCodedError(reason, 'failed_precondition');
      throw isOvertaken ? held((await readSweep(bucket)).sweep, bucket) : reason;
    }
  }

  async #settle(): Promise<void> {
    const { bucket, signal } = this.#options;
    await sleep(SETTLE_MS, undefined, { signal });
    const { sweep, version } = await readSweep(bucket, { signal });
    if (version !== this.#version) throw held(sweep, bucket);
  }

  async #serially(work: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => {});
    return done;
  }
}

function held({ holder = 'another node', until = '' }: Sweep, { location }: Bucket): CodedError {
  return new CodedError('failed_precondition', `Cannot collect garbage of ${location}: ${holder} does`, {
    cure: `Wait until it is done; should it have crashed, a quarter of an hour longer than ${until}`,
  });
}
