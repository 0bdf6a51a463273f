/** How many entries one message of a List stream carries, as in containerd. */
const BATCH = 100;

/** `entries` in groups as large as a message of a List stream may be. */
export function* batches<T>(entries: Iterable<T>): Generator<T[]> {
  let batch: T[] = [];
  for (const entry of entries) {
    if (batch.push(entry) < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
