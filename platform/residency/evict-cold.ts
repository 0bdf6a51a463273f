import type { Digest } from '@lade/oci';
import type { PunchHole } from './blob-file.ts';
import type { ResidentBlob } from './resident-blob.ts';

/** A mounted blob, as an eviction sees it. */
export interface ColdBlob {
  /** Opens the blob and lets the kernel ask before every read of it again. */
  arm(): Promise<ResidentBlob>;
  /** Undoes arm() for a blob that is whole after all. */
  rest(): void;
}

export interface EvictionPorts {
  readonly punchHole: PunchHole;
  /** Resolves when every read that was allowed before the call has surely ended. */
  readonly grace: () => Promise<void>;
  /** Other blobs must not be filled from this one any more. */
  readonly forget: (diffId: Digest) => void;
}

/*
 * Takes cold chunks from under live mounts. Returns the bytes that were given back.
 *
 * The danger: the kernel asks, the answering thread says yes, and only then does the kernel read the file. It does not
 * tell when it has read. A hole punched in between would be read as zeros, and stay in the page cache. Clearing the
 * chunk's bits first keeps later questions out, but not the reader that has its answer already. So every chunk takes two
 * steps, with a grace period before each:
 *
 *   1. All questions are asked again (a whole blob was silent), and the touched bits are cleared. A grace period passes.
 *      A chunk whose bits are still clear has answered nobody for so long: it is cold.
 *   2. Cold chunks are condemned: their resident bits go, on disk too, so that every question from now on comes to this
 *      thread, where it gets the chunk back at once, bytes untouched. Another grace period passes. What is still
 *      condemned then was asked for by nobody in either period, and is punched; a reader that comes during the punch waits
 *      for its end, and fetches.
 *
 * A reader would have to sleep inside the kernel, runnable and holding no lock, through both periods to be harmed.
 * When all chunks are warm and `force` is given, step 2 takes warm ones: then one period stands between the last answer and
 * the punch. Chunks on their way in are never taken, nor blobs of which the bucket lacks a chunk.
 */
export async function evictCold(
  blobs: readonly ColdBlob[],
  goalBytes: number,
  options: EvictionPorts & { readonly force?: boolean },
): Promise<number> {
  const { punchHole, grace, forget, force = false } = options;
  const armed: { readonly cold: ColdBlob; readonly blob: ResidentBlob }[] = [];
  for (const cold of blobs) armed.push({ cold, blob: await cold.arm() });
  const published = armed.map(({ blob }) => blob).filter(({ table }) => isPublished(table));
  for (const { bits, table } of published) bits.touched.clear(0, table.blobBytes);
  await grace();
  let chosenBytes = 0;
  for (const blob of published) {
    const chosen = chooseCold(blob, goalBytes - chosenBytes, force);
    for (const n of chosen) chosenBytes += blob.table.get(n).rawBytes;
    if (chosen.length === 0) continue;
    forget(blob.diffId);
    await blob.condemn(chosen);
  }
  if (chosenBytes > 0) await grace();
  let freedBytes = 0;
  for (const { cold, blob } of armed) {
    freedBytes += await blob.punchCondemned(punchHole);
    if (blob.isWhole) cold.rest();
  }
  return freedBytes;
}

/** Whether the bucket has every chunk of the table. */
export function isPublished(table: ResidentBlob['table']): boolean {
  for (const { place } of table) if (place.kind === 'local') return false;
  return true;
}

function chooseCold(blob: ResidentBlob, goalBytes: number, force: boolean): number[] {
  const { bits, table } = blob;
  const chosen: number[] = [];
  let bytes = 0;
  for (let n = 0; n < table.count && bytes < goalBytes; n++) {
    const [start, end] = [table.offsetOf(n), table.offsetOf(n + 1)];
    if (!blob.isResident(n) || table.get(n).place.kind === 'zero') continue;
    if (!force && bits.touched.hasAny(start, end)) continue;
    chosen.push(n);
    bytes += end - start;
  }
  return chosen;
}
