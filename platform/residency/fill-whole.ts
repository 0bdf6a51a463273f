import { forEachConcurrently } from '@lade/streams';
import type { Urgency } from './fetch-queue.ts';
import type { ResidentBlob } from './resident-blob.ts';

/** Parts of a blob under way: enough to keep every request busy, and little to wait for after an abort. */
const PART_BYTES = 16 << 20;
const PARTS = 2;

/** Makes a whole blob resident. An abort leaves what has come. */
export async function fillWhole(
  blob: ResidentBlob,
  options: { readonly urgency?: Urgency; readonly signal?: AbortSignal },
): Promise<void> {
  const { signal, ...rest } = options;
  const count = Math.ceil(blob.table.blobBytes / PART_BYTES);
  await forEachConcurrently(
    Array.from({ length: count }, (_, i) => i * PART_BYTES),
    PARTS,
    async (offset, signal) => {
      await blob.fill(offset, PART_BYTES, { ...rest, signal });
    },
    signal ? { signal } : {},
  );
}
