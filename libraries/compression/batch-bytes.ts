/**
 * Gathers small chunks into batches of `batchBytes`, so that each crossing into the thread pool is worth its price.
 * Chunks of that size or more pass uncopied; the last batch may be short.
 */
export async function* batchBytes(
  source: AsyncIterable<Uint8Array>,
  batchBytes: number,
): AsyncGenerator<Uint8Array> {
  let batch = Buffer.allocUnsafeSlow(batchBytes);
  let used = 0;
  for await (const chunk of source) {
    let from = 0;
    while (from < chunk.byteLength) {
      const left = chunk.byteLength - from;
      if (used === 0 && left >= batchBytes) {
        yield from === 0 ? chunk : chunk.subarray(from);
        break;
      }
      const taken = Math.min(batchBytes - used, left);
      batch.set(chunk.subarray(from, from + taken), used);
      used += taken;
      from += taken;
      if (used < batchBytes) continue;
      yield batch;
      batch = Buffer.allocUnsafeSlow(batchBytes);
      used = 0;
    }
  }
  if (used > 0) yield batch.subarray(0, used);
}
