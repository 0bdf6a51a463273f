/** What the bitmaps count in. */
export const BLOCK_BYTES = 4096;

export function blocksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}
