import { join } from 'node:path';
import type { Bucket } from '@lade/bucket';
import { LAYER_FILES, syncPacks, type ChunkCatalogue } from '@lade/layers';
import type { Logger } from '@lade/log';
import { hexOf } from '@lade/oci';
import { CacheQuota, type CacheQuotaOptions } from './cache-quota.ts';
import { ChunkFetcher, type ChunkFetcherOptions } from './chunk-fetcher.ts';
import type { LayerTable } from './layer-table.ts';
import { ReadBook } from './read-book.ts';
import { createCounters } from './residency-counters.ts';
import type { BlobContext, LocalChunks, Room } from './blob-context.ts';
import { readBootId } from './resident-record.ts';

export interface ResidencyOptions extends Partial<ChunkFetcherOptions> {
  readonly root: string;
  readonly bucket: Bucket;
  readonly catalogue: ChunkCatalogue;
  readonly table: LayerTable;
  readonly log: Logger;
  /** Default: as much as the disk has. */
  readonly cache?: Pick<CacheQuotaOptions, 'limitBytes' | 'punchHole'>;
}

/** What the fill modes of one node share. Disposing it ends what is on its way. */
export interface Residency extends BlobContext, AsyncDisposable {
  readonly bucket: Bucket;
  readonly catalogue: ChunkCatalogue;
  readonly table: LayerTable;
  readonly quota: CacheQuota | undefined;
  /** Who has read what of mounted layers. */
  readonly reads: ReadBook;
  /** The machine's present boot. */
  readonly boot: string;
}

export async function openResidency(options: ResidencyOptions): Promise<Residency> {
  const { root, bucket, catalogue, table, log, cache } = options;
  const counters = createCounters();
  const packs: ChunkFetcherOptions['packs'] = {
    find: (hash) => catalogue.findAllPacked(hash),
    learn: async (signal) => syncPacks(bucket, catalogue, { signal }),
  };
  const fetcher = new ChunkFetcher({ counters, packs, ...options });
  const localChunks = findLocalChunks(catalogue, root);
  const boot = await readBootId();
  const quota = cache && new CacheQuota({ root, table, catalogue, counters, log, boot, ...cache });
  return {
    bucket,
    fetcher,
    localChunks,
    room: quota ?? NO_LIMIT,
    quota,
    reads: new ReadBook(),
    counters,
    log,
    catalogue,
    table,
    boot,
    async [Symbol.asyncDispose]() {
      await quota?.[Symbol.asyncDispose]();
      await fetcher[Symbol.asyncDispose]();
    },
  };
}

const NO_LIMIT: Room = { reserve: async () => ({ [Symbol.dispose]() {} }) };

function findLocalChunks(catalogue: ChunkCatalogue, root: string): LocalChunks {
  return {
    find(chunkHash) {
      return catalogue.findInBlobs(chunkHash).map(({ diffId, offset }) => ({
        path: join(root, 'layers', hexOf(diffId), LAYER_FILES.blob),
        offset,
      }));
    },
  };
}
