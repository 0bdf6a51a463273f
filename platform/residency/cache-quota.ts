import { join } from 'node:path';
import { CodedError } from '@lade/errors';
import { ChunkTable, readLocalIndex, type ChunkCatalogue } from '@lade/layers';
import type { Logger } from '@lade/log';
import { hexOf, type Digest } from '@lade/oci';
import { outsideTraces } from '@lade/tracing';
import { allocatedBytes } from './allocated-bytes.ts';
import { BlobFile, type PunchHole } from './blob-file.ts';
import { evictCold, isPublished } from './evict-cold.ts';
import type { Urgency } from './fetch-queue.ts';
import type { LayerTable } from './layer-table.ts';
import type { ResidencyCounters } from './residency-counters.ts';
import type { Room } from './blob-context.ts';
import type { ServedBlob } from './served-blob.ts';

/** In eighths of the limit: eviction starts above the one, ends at the other; nothing is filled in the background above it. */
const HIGH = 7;
const LOW = 6;
/** Where it ends while readers had to wait for it, so that they have to more seldom. */
const LOW_IN_NEED = 4;
/** What readers have at least where what may not go takes more than half of the limit. */
const WORKING_BYTES = 16 << 20;
/** How many times what is needed is looked at for cold chunks. */
const SURPLUS = 4;

export interface CacheQuotaOptions {
  /** For the files of all layers of this node together. */
  readonly limitBytes: number;
  readonly punchHole: PunchHole;
  readonly root: string;
  readonly table: LayerTable;
  readonly catalogue: ChunkCatalogue;
  readonly counters: ResidencyCounters;
  readonly log: Logger;
  readonly boot: string;
}

/**
 * Keeps the layers of a node within a limit: the layers that nothing has mounted go first, least recently used ones before
 * others, then the cold chunks of mounted ones. Only what the bucket has is ever given up. Where that leaves too little room to
 * work in, readers go on beyond the limit: a container that stands still serves nobody.
 */
export class CacheQuota implements Room, AsyncDisposable {
  readonly #options: CacheQuotaOptions;
  readonly #served = new Set<ServedBlob>();
  readonly #stop = new AbortController();
  #isMounted: ((diffId: Digest) => boolean) | undefined;
  #reservedBytes = 0;
  #evicting: Promise<number> | undefined;
  /** A reader had to wait for the eviction that is under way, or for the last one. */
  #isInNeed = false;
  /** Where readers wait. */
  #ceilingBytes: number;
  #isTold = false;

  constructor(options: CacheQuotaOptions) {
    this.#options = options;
    this.#ceilingBytes = options.limitBytes;
  }

  get usedBytes(): number {
    let bytes = this.#options.table.totalDiskBytes() + this.#reservedBytes;
    for (const blob of this.#served) bytes += blob.untoldBytes;
    return bytes;
  }

  /** Lets evictions begin: not before every mount that an earlier daemon left is known. */
  start(isMounted: (diffId: Digest) => boolean): void {
    // Also what is served before it is mounted: its blob knows what is here, and must not be mistaken.
    const isServed = (diffId: Digest): boolean => [...this.#served].some((blob) => blob.diffId === diffId);
    this.#isMounted = (diffId) => isMounted(diffId) || isServed(diffId);
    this.reduce();
  }

  /** Looks whether something has to go, and now may: the limit may be new, or the bucket may have got it. */
  reduce(): void {
    this.#reduceAgain().catch((error: unknown) =>
      this.#options.log.error('cache cannot be reduced', { error }),
    );
  }

  /** This blob's kernel can be made to ask again. */
  add(blob: ServedBlob): Disposable {
    this.#served.add(blob);
    return { [Symbol.dispose]: () => void this.#served.delete(blob) };
  }

  /**
   * Counts bytes that are about to be written. Readers wait for room, and pass the limit only where nothing can go; for
   * others there is room or not: throws `resource_exhausted`.
   */
  async reserve(bytes: number, urgency: Urgency): Promise<Disposable> {
    const { limitBytes } = this.#options;
    if (this.usedBytes + bytes > (this.#ceilingBytes * HIGH) / 8) this.#evictBehind();
    if (
      urgency !== 'demand' &&
      this.usedBytes + bytes > (urgency === 'ahead' ? limitBytes : (limitBytes * LOW) / 8)
    )
      throw new CodedError('resource_exhausted', 'Cannot read ahead: the cache is full');
    if (urgency === 'demand') while (this.usedBytes + bytes > this.#ceilingBytes && (await this.#makeRoom()));
    // Without a pause since the look at what is used, so that two never take the same room.
    this.#reservedBytes += bytes;
    return { [Symbol.dispose]: () => void (this.#reservedBytes -= bytes) };
  }

  /** Ends what is under way at its next safe point. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#evicting?.catch(() => {});
  }

  /** After the eviction that is under way, which may have looked already at what may go only now. */
  async #reduceAgain(): Promise<void> {
    await this.#evicting?.catch(() => {});
    if (this.#stop.signal.aborted) return;
    if (this.usedBytes > (this.#options.limitBytes * HIGH) / 8) this.#evictBehind();
  }

  #evictBehind(): void {
    this.#evict().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.log.error('cache cannot be reduced', { error });
    });
  }

  /** Whether that gave anything back. An eviction that began before may have found only what others were just reading. */
  async #makeRoom(): Promise<boolean> {
    const before = this.#evicting;
    this.#isInNeed = true;
    if (before && (await this.#freedBy(before)) > 0) return true;
    return (await this.#freedBy(this.#evict())) > 0;
  }

  async #freedBy(eviction: Promise<number>): Promise<number> {
    return eviction.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.log.error('cache cannot be reduced', { error });
      return 0;
    });
  }

  /** One eviction at a time; all who need room share it. Resolves to the bytes it gave back. */
  #evict(): Promise<number> {
    this.#evicting ??= outsideTraces(async () => this.#evictToLow()).finally(
      () => (this.#evicting = undefined),
    );
    return this.#evicting;
  }

  async #evictToLow(): Promise<number> {
    const isMounted = this.#isMounted;
    if (!isMounted) return 0;
    const { table, catalogue, punchHole, counters, limitBytes, log } = this.#options;
    const goalBytes = this.usedBytes - (limitBytes * (this.#isInNeed ? LOW_IN_NEED : LOW)) / 8;
    this.#isInNeed = false;
    let freed = 0;
    for (const diffId of table.leastRecentlyUsed()) {
      if (freed >= goalBytes) break;
      if (isMounted(diffId)) continue;
      freed += await this.#evictResting(diffId, isMounted).catch((error: unknown) => {
        log.warn('layer cannot be evicted', { diffId, error });
        return 0;
      });
    }
    const forget = (diffId: Digest): void => catalogue.forgetBlob(diffId);
    const ports = { punchHole, forget, signal: this.#stop.signal };
    let leftBytes = 0;
    for (const blobs of this.#inTurns(goalBytes)) {
      if (freed >= goalBytes) break;
      const evicted = await evictCold(blobs, goalBytes - freed, ports);
      freed += evicted.freedBytes;
      leftBytes += evicted.leftBytes;
    }
    if (freed >= goalBytes) this.#ceilingBytes = limitBytes;
    else this.#keepRoomToWorkIn(this.usedBytes - leftBytes);
    counters.evictedBytes += freed;
    if (freed > 0) log.info('cache reduced', { freedBytes: freed, usedBytes: this.usedBytes, limitBytes });
    return freed;
  }

  /** A layer that nothing has mounted: nobody can be reading it, but for those who check what they read. */
  async #evictResting(diffId: Digest, isMounted: (diffId: Digest) => boolean): Promise<number> {
    const { root, table, catalogue, boot, punchHole } = this.#options;
    const folder = join(root, 'layers', hexOf(diffId));
    const chunks = ChunkTable.of(await readLocalIndex(folder, diffId));
    // Without a pause before open(), which must not wait for an owner that waits for room.
    if (!isPublished(chunks) || isMounted(diffId) || BlobFile.isOwned(folder)) return 0;
    await using blob = await BlobFile.open({ folder, diffId, table: chunks, boot });
    const before = blob.allocatedBytes;
    if (before === 0) return 0;
    catalogue.forgetBlob(diffId);
    for (let n = 0; n < chunks.count; n++) blob.clearResident(n);
    await blob.save();
    for (let n = 0; n < chunks.count; n++) await blob.punch(n, punchHole);
    await blob.save();
    table.setDiskBytes(diffId, await allocatedBytes(folder));
    return before - blob.allocatedBytes;
  }

  /** Mounted blobs, so many at a time that they are large enough together, until each has had its turn. */
  *#inTurns(goalBytes: number): Generator<ServedBlob[]> {
    let [chosen, bytes]: [ServedBlob[], number] = [[], 0];
    for (const blob of [...this.#served].filter(({ bits, sizeBytes }) =>
      bits.resident.hasAny(0, sizeBytes),
    )) {
      this.#served.delete(blob);
      this.#served.add(blob);
      chosen.push(blob);
      bytes += blob.sizeBytes;
      if (bytes < goalBytes * SURPLUS) continue;
      yield chosen;
      [chosen, bytes] = [[], 0];
    }
    if (chosen.length > 0) yield chosen;
  }

  #keepRoomToWorkIn(fixedBytes: number): void {
    const { limitBytes, log } = this.#options;
    const isTooSmall = fixedBytes > limitBytes / 2;
    this.#ceilingBytes = isTooSmall ? Math.max(limitBytes, fixedBytes + WORKING_BYTES) : limitBytes;
    if (!isTooSmall || this.#isTold) return;
    this.#isTold = true;
    log.warn('cache is too small: what may not go leaves no room to work in', { fixedBytes, limitBytes });
  }
}
