import { mkdir, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBucket, type Bucket } from '@lade/bucket';
import {
  ChunkCatalogue,
  ChunkTable,
  convertLayer,
  packKey,
  publishLayer,
  readLocalIndex,
  syncPacks,
  type LayerIndex,
} from '@lade/layers';
import { createLogger } from '@lade/log';
import { openDatabase } from '@lade/sqlite';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { ChunkFetcher, type ChunkFetcherOptions } from '../chunk-fetcher.ts';
import { createCounters, type ResidencyCounters } from '../residency-counters.ts';
import type { BlobContext } from '../blob-context.ts';
import { ResidentBlob, type ResidentBlobOptions } from '../resident-blob.ts';
import { noise } from './test-node.ts';

/** One large file of 12 chunks of noise, 4 of zeros and some noise again. */
export const CONTENT: Buffer = Buffer.concat([noise(1, 3 << 20), Buffer.alloc(1 << 20), noise(2, 700_001)]);
export const BOOT = 'this boot';

/** A layer in a bucket, and what a node needs to fill it. */
export interface PublishedLayer extends AsyncDisposable {
  readonly root: string;
  readonly bucket: Bucket;
  readonly catalogue: ChunkCatalogue;
  readonly index: LayerIndex;
  readonly table: ChunkTable;
  /** The folder in which the layer was converted, and where it is to be filled. */
  readonly original: string;
  readonly folder: string;
  readonly log: string[];
  readonly packs: readonly string[];
}

export async function publishTestLayer(content = CONTENT): Promise<PublishedLayer> {
  await using stack = new AsyncDisposableStack();
  const { path: root } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-fill-')));
  const bucket = stack.use(await openBucket('memory:'));
  const db = stack.adopt(openDatabase(join(root, 'state.db')), (it) => it.close());
  const catalogue = new ChunkCatalogue(db);
  const [original, folder] = [join(root, 'original'), join(root, 'filled')];
  await mkdir(original);
  await mkdir(folder);
  const header = encodeTarEntry({ path: 'f', kind: 'file', sizeBytes: content.length });
  const tar = Buffer.concat([header, content, tarPadding(content.length), TAR_END]);
  await convertLayer(fromBytes(tar), original);
  await publishLayer(original, { bucket, catalogue, turn: async () => {} });
  const index = await readLocalIndex(original);
  const owned = stack.move();
  return {
    root,
    bucket,
    catalogue,
    index,
    table: ChunkTable.of(index),
    original,
    folder,
    log: [],
    packs: index.packs.map(({ digest }) => packKey(digest)),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

export interface TestFiller extends AsyncDisposable {
  readonly counters: ResidencyCounters;
  readonly context: BlobContext;
  /** Opens the layer's blob. */
  open(options?: Partial<ResidentBlobOptions>): Promise<ResidentBlob>;
}

/** A node's fetcher over `bucket`, patient for no longer than a test is. */
export function openFiller(
  layer: PublishedLayer,
  options: Partial<ChunkFetcherOptions & BlobContext> = {},
): TestFiller {
  const counters = createCounters();
  const log = createLogger((line) => void layer.log.push(line));
  const fetcher = new ChunkFetcher({
    bucket: layer.bucket,
    log,
    counters,
    packs: {
      find: (hash) => layer.catalogue.findAllPacked(hash),
      learn: async (signal) => syncPacks(layer.bucket, layer.catalogue, { signal }),
    },
    minSlowMs: 60_000,
    ...options,
  });
  const context: BlobContext = {
    fetcher,
    counters,
    log,
    localChunks: { find: () => [] },
    room: { reserve: async () => ({ [Symbol.dispose]() {} }) },
    ...options,
  };
  const blobs = new AsyncDisposableStack();
  const { folder, table } = layer;
  return {
    counters,
    context,
    open: async (more = {}) => {
      const { diffId } = layer.index.header;
      return blobs.use(await ResidentBlob.open({ folder, diffId, table, boot: BOOT, ...more }, context));
    },
    async [Symbol.asyncDispose]() {
      await fetcher[Symbol.asyncDispose]();
      await blobs.disposeAsync();
    },
  };
}
