import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import {
  ChunkTable,
  listFiles,
  openHotChunks,
  readIndex,
  type LayerFile,
  type LayerIndex,
} from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { LocalLayers } from './local-layers.ts';

export interface TracedChunk {
  readonly number: number;
  readonly offset: number;
  readonly sizeBytes: number;
  /** The first file that has bytes of it. */
  readonly path?: string;
}

/**
 * The chunks that a start touched, in that order, as some node has told the bucket. The layer need not be on this node. Throws
 * `not_found` where no start was recorded.
 */
export async function traceLayer(
  diffId: Digest,
  {
    layers,
    bucket,
    signal,
  }: { readonly layers: LocalLayers; readonly bucket: Bucket; readonly signal: AbortSignal },
): Promise<TracedChunk[]> {
  await using hot = await openHotChunks(bucket, diffId, { signal });
  const index = hot && (await findIndex(diffId, { layers, bucket, signal }));
  if (!index) {
    throw new CodedError(
      'not_found',
      `Cannot find a recorded start of layer ${diffId} in ${bucket.location}`,
      {
        cure: 'Start a container with it; its start is told when nothing new was read for ten seconds',
      },
    );
  }
  const table = ChunkTable.of(index);
  const files = await listFiles(index);
  return hot.numbers
    .filter((number) => number < table.count)
    .map((number) => {
      const offset = table.offsetOf(number);
      const sizeBytes = table.offsetOf(number + 1) - offset;
      const path = fileIn(files, offset, offset + sizeBytes)?.path;
      return { number, offset, sizeBytes, ...(path === undefined ? {} : { path }) };
    });
}

async function findIndex(
  diffId: Digest,
  { layers, bucket, signal }: Parameters<typeof traceLayer>[1],
): Promise<LayerIndex | undefined> {
  try {
    return await (await layers.inspect(diffId)).readIndex();
  } catch (reason) {
    if (!isCodedError(reason, 'not_found')) throw reason;
    return readIndex(bucket, diffId, { signal });
  }
}

/** The first file that has bytes between `start` and `end`. */
function fileIn(files: readonly LayerFile[], start: number, end: number): LayerFile | undefined {
  let [low, high] = [0, files.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const file = files[middle];
    if (file && file.offset + file.sizeBytes <= start) low = middle + 1;
    else high = middle;
  }
  const file = files[low];
  return file && file.offset < end ? file : undefined;
}
