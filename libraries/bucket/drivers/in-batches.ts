/** As many as one request to delete may name, in S3 and in OBS. */
const BATCH_KEYS = 1000;

/** Cuts what is to be deleted into what one request may name. */
export function inBatches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH_KEYS) }, (_, i) =>
    items.slice(i * BATCH_KEYS, (i + 1) * BATCH_KEYS),
  );
}
