import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@lade/errors';
import { ChunkTable, readLocalIndex, type ChunkCatalogue } from '@lade/layers';
import type { Logger } from '@lade/log';
import { hexOf, type Digest } from '@lade/oci';
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
/** How many times what is needed is looked at for cold chunks. */
const SURPLUS = 4;
/** See evictCold(). */
const GRACE_MS = 3_000;

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
  /** Default: 3 s. */
  readonly grace?: (signal: AbortSignal) => Promise<void>;
}

/**
 * Keeps the layers of a node within a limit: the layers that nothing has mounted go first, least recently used ones before
 * others, then the cold chunks of mounted ones. Only what the bucket has is ever given up. Where nothing can go, readers go
 * on beyond the limit: a container that stands still serves nobody.
 */
export class CacheQuota implements Room, AsyncDisposable {
  readonly #options: CacheQuotaOptions;
  readonly #served = new Set<ServedBlob>();
  readonly #stop = new AbortController();
  #isMounted: ((diffId: Digest) => boolean) | undefined;
  #reservedBytes = 0;
  #evicting: Promise<number> | undefined;
  #isTold = false;

  constructor(options: CacheQuotaOptions) {
    this.#options = options;
  }

  get usedBytes(): number {
    let bytes = this.#options.table.totalDiskBytes() + this.#reservedBytes;
    for (const blob of this.#served) bytes += blob.untoldBytes;
    return bytes;
  }

  /** Lets evictions begin: not before every mount that an earlier daemon left is known. */
  start(isMounted: (diffId: Digest) => boolean): void {
    this.#isMounted = isMounted;
  }

  /** This blob's kernel can be made to ask again. */
  add(blob: ServedBlob): Disposable {
    this.#served.add(blob);
    return { [Symbol.dispose]: () => void this.#served.delete(blob) };
  }

  /**
   * Counts bytes that are about to be written. Readers wait for room, and pass the limit by one chunk; for others there is
   * room or not: throws `resource_exhausted`.
   */
  async reserve(bytes: number, urgency: Urgency): Promise<Disposable> {
    const { limitBytes } = this.#options;
    if (this.usedBytes + bytes > (limitBytes * HIGH) / 8) this.#evict().catch(() => {});
    if (urgency === 'demand') await this.#untilRoom();
    else if (this.usedBytes + bytes > (urgency === 'ahead' ? limitBytes : (limitBytes * LOW) / 8))
      throw new CodedError('resource_exhausted', 'Cannot read ahead: the cache is full');
    this.#reservedBytes += bytes;
    return { [Symbol.dispose]: () => void (this.#reservedBytes -= bytes) };
  }

  /** Ends what is under way at its next safe point. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#evicting?.catch(() => {});
  }

  async #untilRoom(): Promise<void> {
    while (this.usedBytes >= this.#options.limitBytes) {
      const freed = await this.#evict().catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#options.log.error('cache cannot be reduced', { error });
        return 0;
      });
      if (freed === 0) return this.#tellOnce();
    }
  }

  /** One eviction at a time; all who need room share it. Resolves to the bytes it gave back. */
  #evict(): Promise<number> {
    this.#evicting ??= this.#evictToLow().finally(() => (this.#evicting = undefined));
    return this.#evicting;
  }

  async #evictToLow(): Promise<number> {
    const isMounted = this.#isMounted;
    if (!isMounted) return 0;
    const { table, catalogue, punchHole, counters, limitBytes, log } = this.#options;
    const goalBytes = this.usedBytes - (limitBytes * LOW) / 8;
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
    const ports = { punchHole, forget, grace: async () => this.#grace() };
    for (const force of [false, true]) {
      if (freed < goalBytes && (freed === 0 || !force))
        freed += await evictCold(this.#nextServed(goalBytes), goalBytes - freed, { ...ports, force });
    }
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

  /** Blobs large enough together, in turn, so that the others stay as they are. */
  #nextServed(goalBytes: number): ServedBlob[] {
    const chosen: ServedBlob[] = [];
    let bytes = 0;
    for (const blob of this.#served) {
      if (bytes >= goalBytes * SURPLUS) break;
      chosen.push(blob);
      bytes += blob.sizeBytes;
    }
    for (const blob of chosen) {
      this.#served.delete(blob);
      this.#served.add(blob);
    }
    return chosen;
  }

  async #grace(): Promise<void> {
    const { signal } = this.#stop;
    await (this.#options.grace ?? (async () => sleep(GRACE_MS, undefined, { signal })))(signal);
    signal.throwIfAborted();
  }

  #tellOnce(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const { limitBytes, log } = this.#options;
    log.warn('cache is beyond its limit: nothing in it may go', { usedBytes: this.usedBytes, limitBytes });
  }
}
