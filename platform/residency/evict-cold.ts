import type { Digest } from '@lade/oci';
import type { PunchHole } from './blob-file.ts';
import type { ResidentBlob } from './resident-blob.ts';

/** A mounted blob, as an eviction sees it. */
export interface ColdBlob {
  /** Opens the blob and lets the kernel ask before every read of it again; undefined where it cannot be made to. */
  arm(): Promise<ResidentBlob | undefined>;
  /**
   * Forgets what has been asked for. Resolves when every read that was allowed before the call has ended; `watched` is this
   * promise from now on. Rejects when aborted.
   */
  watch(signal: AbortSignal): Promise<void>;
  /** Of the last watch(); undefined when the kernel has read without asking since. */
  readonly watched: Promise<void> | undefined;
  /** Undoes arm() for a blob that is whole after all. */
  rest(): void;
}

export interface EvictionPorts {
  readonly punchHole: PunchHole;
  /** Other blobs must not be filled from this one any more. */
  readonly forget: (diffId: Digest) => void;
  readonly signal: AbortSignal;
}

export interface Eviction {
  readonly freedBytes: number;
  readonly leftBytes: number;
}

interface Armed {
  readonly cold: ColdBlob;
  readonly blob: ResidentBlob;
}

/*
 * Takes cold chunks from under live mounts. Returns the bytes that were given back, and those of the same blobs that might go
 * another time.
 *
 * The danger: the kernel asks, the answering thread says yes, and only then does the kernel read the file. A hole punched in
 * between would be read as zeros, and stay in the page cache. So every chunk takes two steps:
 *
 *   1. All questions are asked again (a whole blob was silent). A chunk is cold when nobody has asked for it since the last
 *      watch(), and that is over: each eviction leaves one for the next, so that mostly nobody has to wait.
 *   2. Cold chunks are condemned: their resident bits go, on disk too, so that every question from now on comes to this
 *      thread, where it gets the chunk back at once, bytes untouched. Then another watch() begins, and ends when every
 *      read that was allowed has ended. What is still condemned then was asked for by nobody, and is punched; a reader that
 *      comes during the punch waits for its end, and fetches.
 *
 * Over FUSE the end of a watch is exact: an answer carries the bytes, so the answering thread knows. Step 2 alone is safe then.
 * fanotify does not tell when the kernel has read what was allowed; there it is some seconds, and a reader would have to sleep inside
 * the kernel, runnable and holding no lock, for two of them to be harmed: one before a chunk counts as cold, one after.
 * When nothing is cold even after a watch of its own, step 2 takes warm chunks: then one stands between the last answer and
 * the punch. Chunks on their way in are never taken, nor blobs of which the bucket lacks a chunk.
 */
export async function evictCold(
  blobs: readonly ColdBlob[],
  goalBytes: number,
  { punchHole, forget, signal }: EvictionPorts,
): Promise<Eviction> {
  const armed: Armed[] = [];
  for (const cold of blobs) {
    const blob = await cold.arm();
    if (blob) armed.push({ cold, blob });
  }
  const published = armed.filter(({ blob }) => isPublished(blob.table));
  const condemned = await condemnCold(published, goalBytes, { forget, signal });
  await Promise.all(condemned.map(async ({ cold }) => cold.watch(signal)));
  let freedBytes = 0;
  for (const { blob } of condemned) freedBytes += await blob.punchCondemned(punchHole);
  for (const { cold, blob } of armed) if (blob.isWhole) cold.rest();
  return { freedBytes, leftBytes: published.reduce((sum, { blob }) => sum + residentBytes(blob), 0) };
}

/** Whether the bucket has every chunk of the table. */
export function isPublished(table: ResidentBlob['table']): boolean {
  for (const { place } of table) if (place.kind === 'local') return false;
  return true;
}

/** Step 1, and the beginning of step 2; the blobs that have lost chunks. */
async function condemnCold(
  published: readonly Armed[],
  goalBytes: number,
  { forget, signal }: Pick<EvictionPorts, 'forget' | 'signal'>,
): Promise<Armed[]> {
  const watch = async ({ cold }: Armed): Promise<void> => cold.watch(signal);
  const hadHistory = published.some(({ cold }) => cold.watched !== undefined);
  await Promise.all(published.map(async (each) => each.cold.watched ?? watch(each)));
  const condemned = await condemn(published, goalBytes, { forget, isForced: false });
  if (condemned.length > 0) return condemned;
  if (hadHistory) {
    await Promise.all(published.map(watch));
    const colder = await condemn(published, goalBytes, { forget, isForced: false });
    if (colder.length > 0) return colder;
  }
  return condemn(published, goalBytes, { forget, isForced: true });
}

async function condemn(
  published: readonly Armed[],
  goalBytes: number,
  { forget, isForced }: Pick<EvictionPorts, 'forget'> & { readonly isForced: boolean },
): Promise<Armed[]> {
  const condemned: Armed[] = [];
  let chosenBytes = 0;
  for (const each of published) {
    const { blob } = each;
    const chosen = choose(blob, goalBytes - chosenBytes, isForced);
    if (chosen.length === 0) continue;
    for (const n of chosen) chosenBytes += blob.table.get(n).rawBytes;
    forget(blob.diffId);
    await blob.condemn(chosen);
    condemned.push(each);
  }
  return condemned;
}

function residentBytes(blob: ResidentBlob): number {
  let bytes = 0;
  for (let n = 0; n < blob.table.count; n++) if (blob.isResident(n)) bytes += blob.table.get(n).rawBytes;
  return bytes;
}

function choose(blob: ResidentBlob, goalBytes: number, isForced: boolean): number[] {
  const { bits, table } = blob;
  const chosen: number[] = [];
  let bytes = 0;
  for (let n = 0; n < table.count && bytes < goalBytes; n++) {
    const [start, end] = [table.offsetOf(n), table.offsetOf(n + 1)];
    if (!blob.isResident(n) || table.get(n).place.kind === 'zero') continue;
    if (!isForced && bits.touched.hasAny(start, end)) continue;
    chosen.push(n);
    bytes += end - start;
  }
  return chosen;
}
