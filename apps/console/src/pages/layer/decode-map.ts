import type { LayerFile, LayerMap } from '@lade/control-protocol';

/** What a chunk is on this node. */
const MISSING = 0;
export const RESIDENT = 1;
export const EVICTED = 2;
export type ChunkState = typeof MISSING | typeof RESIDENT | typeof EVICTED;

/** A layer as arrays: one element a chunk, in the order of the blob. */
export interface ChunkTable {
  readonly count: number;
  readonly blobBytes: number;
  /** Where each chunk begins; one more than there are chunks. */
  readonly offsets: Float64Array;
  readonly states: Uint8Array;
}

export function decodeMap({ chunkBytes, resident, blobBytes }: LayerMap): ChunkTable {
  const sizes = fromBase64(chunkBytes);
  const view = new DataView(sizes.buffer);
  const count = sizes.length >> 2;
  const offsets = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) offsets[i + 1] = (offsets[i] ?? 0) + view.getUint32(i * 4, true);
  const bits = fromBase64(resident);
  const states = new Uint8Array(count);
  for (let i = 0; i < count; i++) states[i] = ((bits[i >> 3] ?? 0) >> (i & 7)) & 1;
  return { count, blobBytes, offsets, states };
}

export function sizeOfChunk({ offsets }: ChunkTable, chunk: number): number {
  return (offsets[chunk + 1] ?? 0) - (offsets[chunk] ?? 0);
}

export interface Residency {
  readonly chunks: number;
  readonly bytes: number;
}

export function countResident(table: ChunkTable): Residency {
  let [chunks, bytes] = [0, 0];
  for (let i = 0; i < table.count; i++) {
    if (table.states[i] !== RESIDENT) continue;
    chunks++;
    bytes += sizeOfChunk(table, i);
  }
  return { chunks, bytes };
}

/** Those of `files`, which are in the order of the blob, that have bytes of a chunk. */
export function filesOfChunk(
  { offsets }: ChunkTable,
  files: readonly LayerFile[],
  chunk: number,
): readonly LayerFile[] {
  const [begin = 0, end = 0] = [offsets[chunk], offsets[chunk + 1]];
  const found: LayerFile[] = [];
  for (let i = firstEndingAfter(files, begin); i < files.length; i++) {
    const file = files[i];
    if (!file || file.offset >= end) break;
    found.push(file);
  }
  return found;
}

function firstEndingAfter(files: readonly LayerFile[], offset: number): number {
  let [low, high] = [0, files.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const file = files[middle];
    if (file && file.offset + file.sizeBytes <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
