import type { Bucket } from '@lade/bucket';
import { readIndex, type ChunkCatalogue, type UploadQueue } from '@lade/layers';
import type { Logger } from '@lade/log';
import {
  LayerIndexes,
  LocalLayers,
  type FillModes,
  type LayerSync,
  type LayerTable,
  type Residency,
} from '@lade/residency';
import { createErofsMounter } from './erofs-mounter.ts';

interface LayerParts {
  readonly root: string;
  readonly table: LayerTable;
  readonly catalogue: ChunkCatalogue;
  readonly modes: FillModes;
  readonly sync: LayerSync;
  readonly bucket: Bucket;
  readonly queue: UploadQueue;
  readonly residency: Residency;
  readonly log: Logger;
}

/** The layers of this node, mounted as EROFS, their indexes from the bucket where those here are damaged. */
export async function openLayers(parts: LayerParts): Promise<LocalLayers> {
  const { bucket, queue, residency, ...own } = parts;
  const { counters } = residency;
  const { table, log } = own;
  return LocalLayers.open({
    ...own,
    mounter: createErofsMounter(),
    indexes: new LayerIndexes({
      table,
      log,
      counters,
      find: async (diffId, options) => readIndex(bucket, diffId, options),
    }),
    counters,
    isWaiting: (diffId) => queue.isWaiting(diffId),
  });
}
