import type { PullSource } from '@lade/streams';

/** Batches that are in use at the same time: one is worked on while the next is read. */
const BATCHES = 2;

/**
 * Reads a pull source in batches of up to `batchBytes`. Each is valid until the one after the next is asked for: two buffers
 * serve the whole stream, where new ones would have the collector run for every few dozen.
 */
export async function* pullBatches(pull: PullSource, batchBytes: number): AsyncGenerator<Uint8Array> {
  const buffers = Array.from({ length: BATCHES }, () => Buffer.allocUnsafeSlow(batchBytes));
  for (let turn = 0; ; turn = (turn + 1) % BATCHES) {
    const buffer = buffers[turn];
    if (!buffer) throw new RangeError(`there is no buffer ${turn}`);
    const length = await pull(buffer);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}
