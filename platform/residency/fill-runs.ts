import type { Digest } from '@lade/oci';
import type { Chunk, LayerIndex } from '@lade/layers';

/** A chunk and its place in the blob. */
export interface PlacedChunk {
  readonly chunk: Chunk;
  readonly blobOffset: number;
}

/** Chunks whose frames lie side by side in one pack: one ranged read. */
export interface FillRun {
  readonly pack: Digest;
  readonly offset: number;
  readonly storedBytes: number;
  readonly chunks: readonly PlacedChunk[];
}

/** Joins neighbours into runs of at most `maxStoredBytes` (or one chunk). Chunks that are in no pack are left out. */
export function fillRuns(
  index: LayerIndex,
  wanted: Iterable<PlacedChunk>,
  maxStoredBytes: number,
): FillRun[] {
  const runs: (FillRun & { storedBytes: number; chunks: PlacedChunk[] })[] = [];
  for (const placed of wanted) {
    const { place } = placed.chunk;
    if (place.kind !== 'packed') continue;
    const pack = index.packs[place.pack];
    if (!pack) throw new RangeError(`layer ${index.header.diffId} names pack ${place.pack}`);
    const last = runs.at(-1);
    const follows = last?.pack === pack.digest && last.offset + last.storedBytes === place.offset;
    if (last && follows && last.storedBytes + place.storedBytes <= maxStoredBytes) {
      last.storedBytes += place.storedBytes;
      last.chunks.push(placed);
    } else {
      runs.push({
        pack: pack.digest,
        offset: place.offset,
        storedBytes: place.storedBytes,
        chunks: [placed],
      });
    }
  }
  return runs;
}

export function* placeChunks(index: LayerIndex): Generator<PlacedChunk> {
  let blobOffset = 0;
  for (const chunk of index.chunks) {
    yield { chunk, blobOffset };
    blobOffset += chunk.rawBytes;
  }
}
