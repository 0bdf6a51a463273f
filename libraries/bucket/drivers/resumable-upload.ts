import type { ObjectInfo } from '../bucket.ts';
import { versionOf } from './answered-range.ts';
import type { Part } from './in-parts.ts';
import { sizeOfPart, type PartLayout } from './part-layout.ts';
import type { OngoingUpload, PartStore, StoredPart } from './part-store.ts';

export interface ResumableUpload {
  readonly upload: OngoingUpload;
  /** Of the parts that are there, by their numbers. */
  readonly etags: ReadonlyMap<number, string>;
}

interface Wanted {
  readonly storeKey: string;
  readonly sizeBytes: number;
  readonly look: () => Promise<ObjectInfo | undefined>;
}

/** Of the newest ones only: each costs a request. */
const MAX_TRIED = 4;
/** HTTP dates have whole seconds. */
const DATE_STEP_MS = 1_000;

/**
 * An unfinished upload of the same key and layout that begins with the same part. `unknown`: the store does not tell of
 * uploads, or not these credentials.
 */
export async function findResumable(
  store: PartStore,
  wanted: Wanted,
  { first, layout }: { readonly first: Part; readonly layout: PartLayout },
  signal: AbortSignal,
): Promise<ResumableUpload | 'none' | 'unknown'> {
  const ongoing = await store.uploads(wanted.storeKey, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  if (!ongoing) return 'unknown';
  const candidates = ongoing
    .filter(({ key }) => key === wanted.storeKey)
    .sort((a, b) => b.begunAt.getTime() - a.begunAt.getTime())
    .slice(0, MAX_TRIED);
  if (candidates.length === 0) return 'none';
  const current = await wanted.look();
  // Some stores order puts by when they were begun: what is older than the object would not replace it.
  const earliest = current ? current.modifiedAt.getTime() + DATE_STEP_MS : -Infinity;
  for (const upload of candidates.filter(({ begunAt }) => begunAt.getTime() > earliest)) {
    const parts = await store.parts(upload, { signal }).catch(() => []);
    signal.throwIfAborted();
    const isAlike = parts.every((part) => fits(part, layout, wanted.sizeBytes));
    if (isAlike && parts.some(({ number, etag }) => number === first.number && isEtagOf(etag, first)))
      return { upload, etags: new Map(parts.map(({ number, etag }) => [number, etag])) };
  }
  return 'none';
}

/** Never where the store makes ETags in another way, such as for objects that it encrypts with a key of a management service. */
export function isEtagOf(etag: string, { md5 }: Part): boolean {
  return versionOf(etag) === md5.toString('hex');
}

function fits({ number, sizeBytes }: StoredPart, layout: PartLayout, objectBytes: number): boolean {
  return number <= layout.count && sizeBytes === sizeOfPart(layout, number, objectBytes);
}
