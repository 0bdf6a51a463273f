import type { ResidentBlob } from './resident-blob.ts';

/** Of the chunks of a range that are not resident. */
export function absentBytes(blob: ResidentBlob, offset: number, length: number): number {
  const { table } = blob;
  const { first, end } = table.range(offset, length);
  let bytes = 0;
  for (let n = first; n < end; n++) if (!blob.isResident(n)) bytes += table.get(n).rawBytes;
  return bytes;
}
