import { join } from 'node:path';
import { CodedError, isCodedError } from '@lade/errors';
import { LAYER_FILES, type ChunkTable, type HotChunks } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { orAbort } from '@lade/streams';
import type { BlobContext } from './blob-context.ts';
import { BlobDamage } from './blob-damage.ts';
import { BlobFile, type BlobFileOptions, type PunchHole } from './blob-file.ts';
import { bringChunks, type ChunkSink } from './bring-chunks.ts';
import { bringStart } from './bring-start.ts';
import { Ticket, type Urgency } from './fetch-queue.ts';
import { countFill, createFills, type FillSource } from './fills.ts';

const SAVE_AFTER_BYTES = 32 << 20;
const SAVE_AFTER_MS = 3_000;

export interface ResidentBlobOptions extends BlobFileOptions {
  /** Called once every chunk is resident and on disk. */
  readonly onWhole?: () => void;
  /** Called after every save. */
  readonly onSaved?: () => Promise<void>;
}

interface Filling {
  readonly done: PromiseWithResolvers<FillSource>;
  readonly ticket: Ticket;
}

/**
 * One blob of one layer, chunk by chunk made resident: from the file itself, from another blob of this node, or from
 * the bucket. However many ask, a chunk is brought once.
 */
export class ResidentBlob implements AsyncDisposable {
  readonly diffId: Digest;
  readonly table: ChunkTable;
  /** Since it was opened. */
  readonly fills = createFills();
  readonly #file: BlobFile;
  readonly #options: ResidentBlobOptions;
  readonly #context: BlobContext;
  readonly #filling = new Map<number, Filling>();
  /** Not resident any more, but still in the file. */
  readonly #condemned = new Set<number>();
  readonly #damage: BlobDamage;
  readonly #sink: ChunkSink;
  readonly #work = new Set<Promise<unknown>>();
  #unsavedBytes = 0;
  #saveTimer: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();
  #isChanged = false;

  private constructor(file: BlobFile, options: ResidentBlobOptions, context: BlobContext) {
    this.diffId = options.diffId;
    this.table = options.table;
    this.#file = file;
    this.#options = options;
    this.#context = context;
    this.#damage = new BlobDamage({ diffId: this.diffId, path: file.path, table: this.table }, context);
    this.#sink = {
      diffId: this.diffId,
      table: this.table,
      file,
      arrived: (number, source) => this.#arrived(number, source),
      failed: (number, reason) => this.#failed(number, reason),
      damaged: (number) => this.#damage.found(number),
      signal: this.#stop.signal,
    };
  }

  static async open(options: ResidentBlobOptions, context: BlobContext): Promise<ResidentBlob> {
    const file = await BlobFile.open(options);
    const { diffId } = options;
    if (file.recordState === 'damaged') {
      context.counters.verificationFailures++;
      const path = join(options.folder, LAYER_FILES.resident);
      context.log.error('record of resident chunks is damaged, all are checked again', { diffId, path });
      await file.save();
      context.counters.healed++;
    }
    return new ResidentBlob(file, options, context);
  }

  get path(): string {
    return this.#file.path;
  }

  get bits(): BlobFile['bits'] {
    return this.#file.bits;
  }

  get isWhole(): boolean {
    return this.#file.isWhole;
  }

  get allocatedBytes(): number {
    return this.#file.allocatedBytes;
  }

  isResident(number: number): boolean {
    return this.#file.isResident(number);
  }

  /**
   * Makes every chunk of the range resident; resolves to where the last one to come came from, if one had to. Throws when one of
   * them cannot be had; an abort ends the wait alone, what is on its way still comes.
   */
  async fill(
    offset: number,
    length: number,
    options: { readonly urgency?: Urgency; readonly signal?: AbortSignal } = {},
  ): Promise<FillSource | undefined> {
    const { urgency = 'demand', signal } = options;
    signal?.throwIfAborted();
    const { first, end } = this.table.range(offset, length);
    let last: FillSource | undefined;
    const noting = (chunks: readonly Promise<FillSource>[]): Promise<void>[] =>
      chunks.map(async (chunk) => chunk.then((source) => void (last = source)));
    // Taken up at once: they may fail while this waits for its own.
    const joined = Promise.allSettled(noting(this.#join(first, end, urgency)));
    await orAbort(Promise.all(noting(this.#start(first, end, urgency))), signal);
    const others = await orAbort(joined, signal);
    // What others began may have failed by their shorter patience.
    if (others.every(({ status }) => status === 'fulfilled')) return last;
    const again = noting([...this.#join(first, end, urgency), ...this.#start(first, end, urgency)]);
    await orAbort(Promise.all(again), signal);
    return last;
  }

  /**
   * Brings what a start needs before anybody asks for it. Resolves when all has come or failed; who has waited for a chunk
   * that failed looks for it where the index says.
   */
  async anticipate({ numbers, chunks }: Pick<HotChunks, 'numbers' | 'chunks'>): Promise<void> {
    const isWanted = (n: number): boolean =>
      n < this.table.count && !this.isResident(n) && !this.#filling.has(n) && !this.#condemned.has(n);
    const wanted = new Set(numbers.filter(isWanted));
    if (this.#stop.signal.aborted || wanted.size === 0) return;
    const ticket = new Ticket('ahead');
    for (const n of wanted) this.#open(n, ticket);
    const failed = (number: number, reason: unknown): void => this.#finish(number)?.reject(reason);
    const bringing = bringStart({ wanted, chunks, ticket }, { ...this.#sink, failed }, this.#context);
    this.#track(bringing);
    await bringing;
  }

  /** Not resident, one after the other. */
  *absent(from = 0): Generator<number> {
    for (let n = from; n < this.table.count; n++) if (!this.isResident(n) && !this.#filling.has(n)) yield n;
  }

  /** Puts what is resident now on disk. */
  async save(): Promise<void> {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    this.#unsavedBytes = 0;
    this.#isChanged = false;
    await this.#file.save();
    await this.#options.onSaved?.();
  }

  /**
   * First step of an eviction: the kernel has to ask for these chunks again, also after a power loss. Chunks on their way are
   * left alone. Whoever asks before the second step gets the chunk back at once.
   */
  async condemn(numbers: Iterable<number>): Promise<void> {
    if (this.#stop.signal.aborted) return;
    for (const n of numbers) {
      if (!this.isResident(n) || this.#filling.has(n)) continue;
      this.#file.clearResident(n);
      this.#condemned.add(n);
    }
    await this.save();
  }

  /** Second step: gives the room of what is still condemned back. Returns its bytes. */
  async punchCondemned(punchHole: PunchHole): Promise<number> {
    const punching = this.#punchCondemned(punchHole);
    this.#track(punching);
    return punching;
  }

  /** Gives up what is on its way, and saves what is not on disk yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(closed(this.diffId));
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    clearTimeout(this.#saveTimer);
    await using _ = this.#file;
    for (const n of this.#condemned) this.#spare(n, 'demand');
    this.#condemned.clear();
    if (this.#isChanged) await this.save();
  }

  /** Waits for chunks that others brought under way, now at least as urgent. */
  #join(first: number, end: number, urgency: Urgency): Promise<FillSource>[] {
    const joined: Promise<FillSource>[] = [];
    for (let n = first; n < end; n++) {
      const filling = this.#filling.get(n);
      filling?.ticket.raise(urgency);
      if (filling) joined.push(filling.done.promise);
    }
    return joined;
  }

  #start(first: number, end: number, urgency: Urgency): Promise<FillSource>[] {
    const ticket = new Ticket(urgency);
    const started = new Map<number, Promise<FillSource>>();
    for (let n = first; n < end; n++) {
      if (this.isResident(n) || this.#filling.has(n)) continue;
      if (this.#condemned.has(n)) this.#spare(n, urgency);
      else if (this.#stop.signal.aborted) throw closed(this.diffId);
      else started.set(n, this.#open(n, ticket).done.promise);
    }
    if (started.size > 0) this.#track(bringChunks(started.keys(), this.#sink, ticket, this.#context));
    return [...started.values()];
  }

  /** Only a reader saves a chunk. */
  #spare(number: number, urgency: Urgency): void {
    if (urgency !== 'demand') return;
    this.#condemned.delete(number);
    this.#file.setResident(number);
    this.#saveLater();
  }

  #open(number: number, ticket: Ticket): Filling {
    const filling = { done: Promise.withResolvers<FillSource>(), ticket };
    filling.done.promise.catch(() => {});
    this.#filling.set(number, filling);
    return filling;
  }

  #arrived(number: number, source: FillSource): void {
    const { rawBytes } = this.table.get(number);
    countFill(this.#context.counters.fills, source, rawBytes);
    countFill(this.fills, source, rawBytes);
    this.#unsavedBytes += rawBytes;
    this.#file.setResident(number);
    this.#damage.mended(number);
    this.#finish(number)?.resolve(source);
    this.#saveLater();
  }

  #failed(number: number, reason: unknown): void {
    this.#context.counters.failedChunks++;
    if (isCodedError(reason, 'data_loss')) this.#damage.lost(number, reason);
    this.#finish(number)?.reject(reason);
  }

  /** Nobody new waits for it; those who do are told by the result. */
  #finish(number: number): PromiseWithResolvers<FillSource> | undefined {
    const filling = this.#filling.get(number);
    this.#filling.delete(number);
    return filling?.done;
  }

  async #punchCondemned(punchHole: PunchHole): Promise<number> {
    let bytes = 0;
    for (const n of this.#condemned) {
      // A reader that comes now waits for the end of the punch, and then fetches.
      const punching = this.#open(n, new Ticket('demand'));
      this.#condemned.delete(n);
      try {
        await this.#file.punch(n, punchHole);
        bytes += this.table.get(n).rawBytes;
      } finally {
        this.#filling.delete(n);
        punching.done.reject(new CodedError('aborted', 'Cannot use the chunk: it was just evicted'));
      }
    }
    if (bytes > 0) await this.save();
    return bytes;
  }

  #saveLater(): void {
    this.#isChanged = true;
    if (this.isWhole) return this.#track(this.save().then(() => this.#options.onWhole?.()));
    if (this.#unsavedBytes >= SAVE_AFTER_BYTES) return this.#track(this.save());
    this.#saveTimer ??= setTimeout(() => this.#track(this.save()), SAVE_AFTER_MS).unref();
  }

  /** Work of its own, which the end waits for. */
  #track(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => this.#context.log.error('fill failed', { diffId: this.diffId, error }))
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

function closed(diffId: Digest): CodedError {
  return new CodedError('unavailable', `Cannot fill blob of layer ${diffId}: it is closed`);
}
