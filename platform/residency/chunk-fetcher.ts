import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@lade/bucket';
import { CodedError, codeOf, fromUnknown, isCodedError, wrapError } from '@lade/errors';
import { packKey, type PackedChunk } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import { Patience } from './patience.ts';
import { FetchQueue, type Ticket } from './fetch-queue.ts';
import { joinFrames, type Frame, type FrameRun } from './frame-runs.ts';
import { RequestPace } from './request-pace.ts';
import type { ResidencyCounters } from './residency-counters.ts';
import { RunFetch, type Deliver, type RequestContext } from './run-fetch.ts';

const MAX_RUN_BYTES = 4 << 20;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** Between two looks for packs that may have a copy of what is damaged. */
const LEARN_PAUSE_MS = 30_000;

/** What this node knows of the bucket's packs. */
interface KnownPacks {
  /** Every place of a chunk. */
  find(chunkHash: Uint8Array): readonly PackedChunk[];
  /** Looks for packs that this node has not seen yet. */
  learn(signal: AbortSignal): Promise<void>;
}

export interface ChunkFetcherOptions {
  readonly bucket: Bucket;
  readonly log: Logger;
  readonly counters: ResidencyCounters;
  readonly packs: KnownPacks;
  /** Most requests in flight. Default 16. */
  readonly maxRequests?: number;
  /** Most bytes in memory that are on their way. Default 48 MiB. */
  readonly maxBytes?: number;
  /** Chunks are given up when nothing came for so long. Default 30 s. */
  readonly deadlineMs?: number;
  /** A request that brings nothing for so long is repeated. Default 10 s. */
  readonly stallMs?: number;
  /** No request is slow before that. Default 100 ms. */
  readonly minSlowMs?: number;
}

export interface FrameSink<F extends Frame> {
  /** Takes a frame's checked raw bytes; must not throw. */
  readonly deliver: Deliver<F>;
  /** This frame will not come. */
  fail(frame: F, reason: unknown): void;
  /** Nobody wants the frames any more: they all fail. */
  readonly signal: AbortSignal;
}

/** Brings chunks from the bucket; one per node, so that its bounds hold for all blobs together. */
export class ChunkFetcher implements AsyncDisposable {
  readonly #options: ChunkFetcherOptions;
  readonly #context: RequestContext;
  readonly #queue: FetchQueue;
  readonly #deadlineMs: number;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #named = new Set<string>();
  #deliveredAt = 0;
  #learning: Promise<void> = Promise.resolve();
  #learnAfter = 0;

  constructor(options: ChunkFetcherOptions) {
    const { bucket, counters, maxRequests = 16, maxBytes = 48 << 20 } = options;
    const { deadlineMs = 30_000, stallMs = 10_000, minSlowMs = 100 } = options;
    this.#options = options;
    this.#context = { bucket, counters, stallMs, pace: new RequestPace(minSlowMs) };
    this.#queue = new FetchQueue({ requests: maxRequests, bytes: maxBytes });
    this.#deadlineMs = deadlineMs;
  }

  /** Where the bucket has a chunk that its own layer's index names no place for. */
  async findFrame(chunk: Frame['chunk']): Promise<Frame | undefined> {
    for await (const frame of this.#findFrames(chunk)) return frame;
    return undefined;
  }

  /** Every frame is delivered to the sink, or fails there; resolves after the last. Frames are best in the order of their packs. */
  async fetch<F extends Frame>(frames: Iterable<F>, ticket: Ticket, sink: FrameSink<F>): Promise<void> {
    const runs = joinFrames(frames, MAX_RUN_BYTES).map((run) => this.#obtain(run, ticket, sink));
    const work = Promise.all(runs);
    this.#running.add(work);
    await work.finally(() => this.#running.delete(work));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }

  async #obtain<F extends Frame>(run: FrameRun<F>, ticket: Ticket, sink: FrameSink<F>): Promise<void> {
    const lost = await this.#read(run, ticket, sink);
    for (const { frame, reason } of lost) {
      if (isLoss(reason)) await this.#heal(frame, reason, { ticket, sink });
      else this.#fail(frame, reason, sink);
    }
  }

  /** Frames that did not come, each with the reason. */
  async #read<F extends Frame>(
    run: FrameRun<F>,
    ticket: Ticket,
    sink: Omit<FrameSink<F>, 'fail'>,
  ): Promise<RunFetch<F>['lost']> {
    using patience = new Patience(this.#deadlineMs, () => this.#deliveredAt);
    const fetch = new RunFetch(run, this.#context, async (frame: F, raw) => {
      this.#deliveredAt = performance.now();
      patience.renew();
      await sink.deliver(frame, raw);
    });
    const signal = AbortSignal.any([this.#stop.signal, patience.signal, sink.signal]);
    let reason: unknown;
    for (let attempt = 0; fetch.missing.length > 0; attempt++) {
      try {
        if (attempt > 0) {
          this.#options.counters.retries++;
          await sleep(pauseMs(attempt, reason), undefined, { signal });
        }
        using _ = await this.#queue.enter(ticket, bytesOf(run), signal);
        if (attempt === 0) patience.begin();
        await fetch.read(signal);
      } catch (failure) {
        if (!signal.aborted) reason = failure;
        reason ??= signal.reason;
        if (signal.aborted) break;
      }
    }
    return [...fetch.lost, ...fetch.missing.map((frame) => ({ frame, reason }))];
  }

  /** Looks for a sound copy of what the bucket has wrong: once more there, then in another pack. */
  async #heal<F extends Frame>(
    frame: F,
    reason: unknown,
    { ticket, sink }: { ticket: Ticket; sink: FrameSink<F> },
  ): Promise<void> {
    this.#name(frame, reason);
    let last = reason;
    for await (const place of this.#otherPlaces(frame, reason)) {
      const run = { ...place, frames: [{ ...frame, ...place }] };
      const deliver = async (_: F, raw: Uint8Array): Promise<void> => sink.deliver(frame, raw);
      const [lost] = await this.#read(run, ticket, { deliver, signal: sink.signal });
      if (!lost) {
        this.#options.counters.healed++;
        return;
      }
      last = lost.reason;
    }
    this.#fail(frame, isLoss(last) ? reason : last, sink);
  }

  async *#otherPlaces({ chunk, pack, offset, storedBytes }: Frame, reason: unknown): AsyncGenerator<Place> {
    if (!isCodedError(reason, 'not_found')) yield { pack, offset, storedBytes };
    for await (const { chunk: _, ...place } of this.#findFrames(chunk)) if (place.pack !== pack) yield place;
  }

  /** Those that this node knows of first, then those that it has not seen yet. */
  async *#findFrames(chunk: Frame['chunk']): AsyncGenerator<Frame> {
    const tried = new Set<Digest>();
    for (const look of [async () => {}, async () => this.#learn()]) {
      await look();
      for (const { pack, rawBytes, offset, storedBytes } of this.#options.packs.find(chunk.hash)) {
        if (tried.has(pack.digest) || rawBytes !== chunk.rawBytes) continue;
        tried.add(pack.digest);
        yield { chunk, pack: pack.digest, offset, storedBytes };
      }
    }
  }

  /** Once in a while, and shared by all who need it. What a bucket in trouble has not told by then counts as not there. */
  async #learn(): Promise<void> {
    if (performance.now() < this.#learnAfter) return this.#learning;
    this.#learnAfter = performance.now() + LEARN_PAUSE_MS;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#deadlineMs)]);
    this.#learning = this.#options.packs.learn(signal).catch((error: unknown) => {
      this.#options.log.warn('packs of the bucket cannot be listed', { error });
    });
    return this.#learning;
  }

  /** Damage is told once per chunk and pack. */
  #name({ chunk, pack }: Frame, reason: unknown): void {
    this.#options.counters.verificationFailures++;
    const chunkHash = Buffer.from(chunk.hash).toString('hex');
    const name = `${pack} ${chunkHash}`;
    if (this.#named.has(name) || this.#named.size >= MAX_NAMED) return;
    this.#named.add(name);
    this.#options.log.error('chunk is damaged in the bucket', {
      pack: packKey(pack),
      chunk: chunkHash,
      error: reason,
    });
  }

  #fail<F extends Frame>(frame: F, reason: unknown, sink: FrameSink<F>): void {
    const chunk = Buffer.from(frame.chunk.hash).toString('hex');
    const failure = isLoss(reason) && !isCodedError(reason, 'data_loss') ? lossOf(reason) : reason;
    sink.fail(frame, wrapError(failure, `Cannot fetch chunk ${chunk} from ${packKey(frame.pack)}`));
  }
}

type Place = Pick<Frame, 'pack' | 'offset' | 'storedBytes'>;

const MAX_NAMED = 10_000;

/** What one run holds in memory: its stored bytes, and the raw bytes of its frames. */
function bytesOf({ storedBytes, frames }: FrameRun): number {
  return frames.reduce((sum, { chunk }) => sum + chunk.rawBytes, storedBytes);
}

/** Exponential, with full jitter; at least what the bucket asks for. */
function pauseMs(attempt: number, reason: unknown): number {
  const asked = isCodedError(reason) ? Number(reason.details['retryAfterMs'] ?? 0) : 0;
  return asked + Math.random() * Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
}

/** Whether the bucket has lost or damaged what the index promises. */
function isLoss(reason: unknown): boolean {
  return ['not_found', 'out_of_range', 'data_loss'].includes(codeOf(reason));
}

function lossOf(cause: unknown): CodedError {
  return new CodedError('data_loss', fromUnknown(cause).message, { cause });
}
