import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { isCodedError, type ErrorCode } from '@lade/errors';
import type { Logger } from '@lade/log';
import { encodeNodeRecord, nodeKey, type NodeFigures } from './node-record.ts';
import type { RequestTotals } from './request-totals.ts';

const BEAT_MS = 300_000;
/** Between the first two; then longer and longer. What a node does first is soon to be seen. */
const FIRST_PAUSE_MS = 20_000;
const GROWTH = 4;
/** Spreads the beats of nodes that were started together. */
const JITTER = 0.2;
const STOP_MS = 3_000;
/** What a put is refused with over another version than the one that is known. */
const CHANGED: readonly ErrorCode[] = ['already_exists', 'failed_precondition', 'aborted'];

export interface NodeBeatOptions {
  readonly bucket: Bucket;
  readonly requests: RequestTotals;
  readonly node: { readonly name: string; readonly version: string };
  readonly figures: () => NodeFigures;
  readonly log: Logger;
  readonly beatMs?: number;
}

/**
 * Keeps this node's record in the bucket: written at the start, ever more seldom until it is every few minutes, and when disposed of. A bucket in trouble is
 * tried again with the next beat.
 */
export class NodeBeat implements AsyncDisposable {
  readonly #options: NodeBeatOptions;
  readonly #startedAt = new Date().toISOString();
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  #version: string | undefined;
  #hasFailed = false;

  constructor(options: NodeBeatOptions) {
    this.#options = options;
    this.#work = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
    await this.#beat(AbortSignal.timeout(STOP_MS), { stoppedAt: new Date().toISOString() });
  }

  async #run(): Promise<void> {
    const { beatMs = BEAT_MS } = this.#options;
    const { signal } = this.#stop;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs *= GROWTH) {
      await this.#beat(signal);
      pauseMs = Math.min(pauseMs, beatMs);
      await sleep(pauseMs * (1 - JITTER * Math.random()), undefined, { signal }).catch(() => {});
    }
  }

  async #beat(signal: AbortSignal, end: { readonly stoppedAt?: string } = {}): Promise<void> {
    const { requests, node, figures, log, beatMs = BEAT_MS } = this.#options;
    const now = new Date();
    try {
      requests.record(now);
      const record = {
        ...node,
        startedAt: this.#startedAt,
        seenAt: now.toISOString(),
        ...end,
        beatSeconds: beatMs / 1000,
        ...figures(),
        requests: requests.months(),
        countedSince: requests.since,
      };
      await this.#put(encodeNodeRecord(record), signal);
      this.#hasFailed = false;
    } catch (error) {
      if (this.#stop.signal.aborted && signal === this.#stop.signal) return;
      log[this.#hasFailed ? 'debug' : 'warn']('node not recorded, will retry', { node: node.name, error });
      this.#hasFailed = true;
    }
  }

  /** Only over what is known, and once more when that has changed: after a lost answer, or by another node of the same name. */
  async #put(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { bucket, node } = this.#options;
    const key = nodeKey(node.name);
    for (let tries = 1; ; tries++) {
      const version = this.#version ?? (await this.#look(key, signal));
      const condition = version === undefined ? { absent: true as const } : { version };
      try {
        this.#version = undefined;
        ({ version: this.#version } = await bucket.put(key, bytes, { condition, signal }));
        return;
      } catch (reason) {
        const hasChanged = isCodedError(reason) && CHANGED.includes(reason.code);
        if (tries === 2 || !hasChanged) throw reason;
      }
    }
  }

  async #look(key: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return (await this.#options.bucket.head(key, { signal })).version;
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return undefined;
      throw reason;
    }
  }
}
