import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CodedError, isCodedError } from '@lade/errors';
import type { Chunk, ChunkTable, PackReference } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import { BlobFile, type BlobFileOptions, type PunchHole } from './blob-file.ts';
import type { ChunkFetcher } from './chunk-fetcher.ts';
import { Ticket, type Urgency } from './fetch-queue.ts';
import { frameOf, type Frame } from './frame-runs.ts';
import type { ResidencyCounters } from './residency-counters.ts';

const SAVE_AFTER_BYTES = 32 << 20;
const SAVE_AFTER_MS = 3_000;

/** Other places on this node that hold chunks. */
export interface LocalChunks {
  /** File and offset of a resident copy; the copy may be stale, so its bytes are checked like any other's. */
  find(chunkHash: Uint8Array): { readonly path: string; readonly offset: number } | undefined;
}

/** Makes room for bytes before they are written, and counts them. */
export interface Room {
  reserve(bytes: number, urgency: Urgency): Promise<Disposable>;
}

/** What all blobs of a node share. */
export interface BlobContext {
  readonly fetcher: ChunkFetcher;
  readonly localChunks: LocalChunks;
  readonly room: Room;
  readonly counters: ResidencyCounters;
  readonly log: Logger;
}

export interface FillResult {
  readonly fetchedBytes: number;
  readonly copiedBytes: number;
}

export interface ResidentBlobOptions extends BlobFileOptions {
  /** Called once every chunk is resident and on disk. */
  readonly onWhole?: () => void;
  /** Called after every save. */
  readonly onSaved?: () => void;
}

interface Filling {
  readonly done: PromiseWithResolvers<void>;
  readonly ticket: Ticket;
}

interface ChunkFrame extends Frame {
  readonly number: number;
  readonly room: Disposable;
}

/**
 * One blob of one layer, chunk by chunk made resident: from the file itself, from another blob of this node, or from
 * the bucket. However many ask, a chunk is brought once.
 */
export class ResidentBlob implements AsyncDisposable {
  readonly diffId: Digest;
  readonly table: ChunkTable;
  readonly #file: BlobFile;
  readonly #options: ResidentBlobOptions;
  readonly #context: BlobContext;
  readonly #filling = new Map<number, Filling>();
  /** Not resident any more, but still in the file. */
  readonly #condemned = new Set<number>();
  readonly #work = new Set<Promise<unknown>>();
  #fetchedBytes = 0;
  #copiedBytes = 0;
  #unsavedBytes = 0;
  #saveTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(file: BlobFile, options: ResidentBlobOptions, context: BlobContext) {
    this.diffId = options.diffId;
    this.table = options.table;
    this.#file = file;
    this.#options = options;
    this.#context = context;
  }

  static async open(options: ResidentBlobOptions, context: BlobContext): Promise<ResidentBlob> {
    const file = await BlobFile.open(options);
    const { diffId } = options;
    if (file.recordState === 'damaged')
      context.log.error('record of resident chunks is damaged, all are checked again', {
        diffId,
        path: file.path,
      });
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

  /** Where the bytes came from so far: the bucket, as stored there, or other blobs. */
  get filled(): FillResult {
    return { fetchedBytes: this.#fetchedBytes, copiedBytes: this.#copiedBytes };
  }

  get allocatedBytes(): number {
    return this.#file.allocatedBytes;
  }

  isResident(number: number): boolean {
    return this.#file.isResident(number);
  }

  /**
   * Makes every chunk of the range resident. Throws when one of them cannot be had; an abort ends the wait alone, what is
   * on its way still comes.
   */
  async fill(
    offset: number,
    length: number,
    options: { readonly urgency?: Urgency; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { urgency = 'demand', signal } = options;
    signal?.throwIfAborted();
    const { first, end } = this.table.range(offset, length);
    const joined = this.#join(first, end, urgency);
    const own = this.#start(first, end, urgency);
    await orAbort(Promise.all(own), signal);
    const others = await orAbort(Promise.allSettled(joined), signal);
    // What others began may have failed by their shorter patience.
    if (others.every(({ status }) => status === 'fulfilled')) return;
    await orAbort(
      Promise.all([...this.#join(first, end, urgency), ...this.#start(first, end, urgency)]),
      signal,
    );
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
    await this.#file.save();
    this.#options.onSaved?.();
  }

  /**
   * First step of an eviction: the kernel has to ask for these chunks again, also after a power loss. Chunks on their way are
   * left alone. Whoever asks before the second step gets the chunk back at once.
   */
  async condemn(numbers: Iterable<number>): Promise<void> {
    if (this.#isClosed) return;
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

  /** Waits for what is on its way, and saves. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    clearTimeout(this.#saveTimer);
    await using _ = this.#file;
    for (const n of this.#condemned) this.#file.setResident(n);
    this.#condemned.clear();
    await this.save();
  }

  /** Waits for chunks that others brought under way, now at least as urgent. */
  #join(first: number, end: number, urgency: Urgency): Promise<void>[] {
    const joined: Promise<void>[] = [];
    for (let n = first; n < end; n++) {
      const filling = this.#filling.get(n);
      filling?.ticket.raise(urgency);
      if (filling) joined.push(filling.done.promise);
    }
    return joined;
  }

  #start(first: number, end: number, urgency: Urgency): Promise<void>[] {
    const ticket = new Ticket(urgency);
    const started = new Map<number, Promise<void>>();
    for (let n = first; n < end; n++) {
      if (this.isResident(n) || this.#filling.has(n)) continue;
      if (this.#condemned.has(n)) this.#spare(n, urgency);
      else if (this.#isClosed) throw closed(this.diffId);
      else started.set(n, this.#open(n, ticket).done.promise);
    }
    if (started.size > 0) this.#track(this.#bring([...started.keys()], ticket));
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
    const filling = { done: Promise.withResolvers<void>(), ticket };
    filling.done.promise.catch(() => {});
    this.#filling.set(number, filling);
    return filling;
  }

  async #bring(numbers: readonly number[], ticket: Ticket): Promise<void> {
    const frames: ChunkFrame[] = [];
    for (const number of numbers) {
      try {
        const frame = await this.#findHere(number, ticket);
        if (frame) frames.push(frame);
        else this.#arrived(number);
      } catch (reason) {
        this.#failed(number, reason);
      }
    }
    await this.#context.fetcher.fetch(frames, ticket, {
      deliver: (frame, raw) => this.#take(frame, raw),
      fail: ({ number, room }, reason) => {
        room[Symbol.dispose]();
        this.#failed(number, reason);
      },
    });
  }

  /** Nothing, if the chunk is in the file now without the bucket's help; else its frame. */
  async #findHere(number: number, ticket: Ticket): Promise<ChunkFrame | undefined> {
    const { counters, room } = this.#context;
    const chunk = this.table.get(number);
    if (this.#file.isSuspect(number)) {
      if (await this.#file.holds(number)) return void counters.adoptedChunks++;
      if (chunk.place.kind === 'zero') await this.#file.write(number, Buffer.alloc(chunk.rawBytes));
    }
    if (chunk.place.kind === 'zero') return void counters.zeroChunks++;
    using owned = new DisposableStack();
    const reserved = owned.use(await room.reserve(chunk.rawBytes, ticket.urgency));
    const copy = await this.#copyLocal(chunk);
    if (copy) {
      await this.#file.write(number, copy);
      this.#copiedBytes += copy.byteLength;
      this.#unsavedBytes += copy.byteLength;
      return void counters.copiedChunks++;
    }
    const frame = this.#frameOf(chunk, this.table.packs);
    owned.move();
    return { ...frame, number, room: reserved };
  }

  async #copyLocal(chunk: Chunk): Promise<Uint8Array | undefined> {
    const copy = this.#context.localChunks.find(chunk.hash);
    if (!copy || copy.path === this.path) return undefined;
    try {
      await using source = await open(copy.path, 'r');
      const bytes = Buffer.allocUnsafe(chunk.rawBytes);
      const { bytesRead } = await source.read(bytes, 0, bytes.byteLength, copy.offset);
      const isGood = bytesRead === bytes.byteLength && hash('sha256', bytes, 'buffer').equals(chunk.hash);
      return isGood ? bytes : undefined;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw reason;
    }
  }

  #frameOf(chunk: Chunk, packs: readonly PackReference[]): Frame {
    const frame = frameOf(chunk, packs) ?? this.#context.fetcher.findFrame(chunk);
    if (frame) return frame;
    const name = Buffer.from(chunk.hash).toString('hex');
    throw new CodedError(
      'data_loss',
      `Cannot fill layer ${this.diffId}: chunk ${name} is damaged on this node, and in no pack of the bucket`,
      { cure: 'Remove its images from this node, and pull them from their registry again' },
    );
  }

  async #take({ number, room, storedBytes }: ChunkFrame, raw: Uint8Array): Promise<void> {
    using _ = room;
    try {
      this.#fetchedBytes += storedBytes;
      await this.#file.write(number, raw);
      this.#unsavedBytes += raw.byteLength;
      this.#context.counters.fetchedChunks++;
      this.#arrived(number);
    } catch (reason) {
      this.#failed(number, reason);
    }
  }

  #arrived(number: number): void {
    this.#file.setResident(number);
    const filling = this.#filling.get(number);
    this.#filling.delete(number);
    filling?.done.resolve();
    this.#saveLater();
  }

  #failed(number: number, reason: unknown): void {
    this.#context.counters.failedChunks++;
    if (isCodedError(reason, 'data_loss'))
      this.#context.log.error('chunk is lost', { diffId: this.diffId, number, error: reason });
    const filling = this.#filling.get(number);
    this.#filling.delete(number);
    filling?.done.reject(reason);
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

/** Ends the wait, not the work, when the signal is aborted. */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
