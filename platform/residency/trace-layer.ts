import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import {
  ChunkTable,
  openHotChunks,
  readIndex,
  readMetadata,
  walkFiles,
  walkLocalFiles,
  type LayerFile,
  type LayerIndex,
} from '@lade/layers';
import type { Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';
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
  const source = hot && (await findSource(diffId, { layers, bucket, signal }));
  if (!source) {
    throw new CodedError(
      'not_found',
      `Cannot find a recorded start of layer ${diffId} in ${bucket.location}`,
      {
        cure: 'Start a container with it; its start is told when nothing new was read for ten seconds',
      },
    );
  }
  const table = ChunkTable.of(source.index);
  const chunks: TracedChunk[] = hot.numbers
    .filter((number) => number < table.count)
    .map((number) => {
      const offset = table.offsetOf(number);
      return { number, offset, sizeBytes: table.offsetOf(number + 1) - offset };
    });
  const first = await firstFiles(chunks, source.files, signal);
  return chunks.map((chunk) => {
    const file = first.get(chunk.number);
    return file ? { ...chunk, path: file.path } : chunk;
  });
}

interface LayerSource {
  readonly index: LayerIndex;
  readonly files: AsyncIterable<readonly LayerFile[]>;
}

async function findSource(
  diffId: Digest,
  { layers, bucket, signal }: Parameters<typeof traceLayer>[1],
): Promise<LayerSource | undefined> {
  try {
    const layer = await layers.inspect(diffId);
    return { index: await layer.readIndex(), files: walkLocalFiles(layer.folder) };
  } catch (reason) {
    if (!isCodedError(reason, 'not_found')) throw reason;
    const index = await readIndex(bucket, diffId, { signal });
    if (!index) return undefined;
    return { index, files: walkFiles(await collectBytes(readMetadata(index), index.header.metadataBytes)) };
  }
}

/** By the chunk's number, the file that begins first of those that have bytes of it. */
async function firstFiles(
  chunks: readonly TracedChunk[],
  batches: AsyncIterable<readonly LayerFile[]>,
  signal: AbortSignal,
): Promise<Map<number, LayerFile>> {
  const inOrder = chunks.toSorted((a, b) => a.offset - b.offset);
  const first = new Map<number, LayerFile>();
  for await (const batch of batches) {
    signal.throwIfAborted();
    for (const file of batch)
      for (const { number } of chunksOf(file, inOrder)) {
        const known = first.get(number);
        if (!known || file.offset < known.offset) first.set(number, file);
      }
  }
  return first;
}

/** Of chunks in the order of the blob, those that have bytes of a file. */
function* chunksOf({ offset, sizeBytes }: LayerFile, chunks: readonly TracedChunk[]): Generator<TracedChunk> {
  let [low, high] = [0, chunks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const chunk = chunks[middle];
    if (chunk && chunk.offset + chunk.sizeBytes <= offset) low = middle + 1;
    else high = middle;
  }
  for (let n = low; n < chunks.length; n++) {
    const chunk = chunks[n];
    if (!chunk || chunk.offset >= offset + sizeBytes) return;
    yield chunk;
  }
}
