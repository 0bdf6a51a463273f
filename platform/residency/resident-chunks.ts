import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChunkTable, LAYER_FILES } from '@lade/layers';
import type { SeenBlob } from './fill-mode.ts';
import type { InspectedLayer } from './inspected-layer.ts';
import { readBootId, readResidentRecord } from './resident-record.ts';

/** A bit for each chunk that is checked and here, the lowest bit of a byte first. */
export async function residentChunks(
  { row, folder, served, isWhole }: InspectedLayer,
  table: ChunkTable,
): Promise<Uint8Array> {
  if (served) return chunksOf(served, table);
  if (isWhole) return chunkBits(table, () => true);
  const { ctimeNs } = await stat(join(folder, LAYER_FILES.blob), { bigint: true });
  const now = { diffId: row.diffId, chunkCount: table.count, changedNs: ctimeNs, boot: await readBootId() };
  const { state, chunks } = await readResidentRecord(join(folder, LAYER_FILES.resident), now);
  const isKnown = state === 'vouched' || state === 'sound';
  return isKnown && chunks ? chunks : chunkBits(table, () => false);
}

/** The same of a blob that is served. */
export function chunksOf({ bits }: SeenBlob, table: ChunkTable): Uint8Array {
  return chunkBits(table, (n) => bits.resident.has(table.offsetOf(n)));
}

/** How much of the blob is here. Reads the index only where nothing cheaper tells. */
export async function residentBytes(layer: InspectedLayer): Promise<number> {
  const { row, served, isWhole } = layer;
  if (served) return Math.min(served.bits.resident.count(0, row.blobBytes), row.blobBytes);
  if (isWhole) return row.blobBytes;
  const table = ChunkTable.of(await layer.readIndex());
  const chunks = await residentChunks(layer, table);
  let bytes = 0;
  for (let n = 0; n < table.count; n++)
    if (hasChunk(chunks, n)) bytes += table.offsetOf(n + 1) - table.offsetOf(n);
  return bytes;
}

function hasChunk(chunks: Uint8Array, number: number): boolean {
  return ((chunks[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
}

function chunkBits(table: ChunkTable, has: (number: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(table.count / 8));
  for (let n = 0; n < table.count; n++) if (has(n)) bits[n >> 3] = (bits[n >> 3] ?? 0) | (1 << (n & 7));
  return bits;
}
