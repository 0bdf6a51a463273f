import type { Bucket, ObjectInfo } from '@lade/bucket';

/** What garbage collection may remove, in the order in which it does: nothing names what is gone already. */
const COLLECTED = ['chains', 'layers', 'hot', 'content', 'packs'] as const;
const KINDS: readonly string[] = [...COLLECTED, 'refs', 'nodes'];
/** Which node is bringing what: advice that a crash has left, once it is old. */
const INGESTS_PREFIX = 'refs/ingests/';

/** The first part of a key, or "other". */
export function kindOf(key: string): string {
  const [first = ''] = key.split('/', 1);
  return KINDS.includes(first) ? first : 'other';
}

/** Whether an object that nobody needs is garbage, and so not one that is a root itself. */
export function isCollected(key: string): boolean {
  return rankOf(key) >= 0 || key.startsWith(INGESTS_PREFIX);
}

export function inOrderOfRemoval(a: string, b: string): number {
  return rankOf(a) - rankOf(b);
}

function rankOf(key: string): number {
  return (COLLECTED as readonly string[]).indexOf(kindOf(key));
}

/** What is needed of an object to tell whether it is garbage. */
export interface ListedObject {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly version: string;
}

/** Every object of the bucket, by key. */
export async function listAll(
  bucket: Bucket,
  options: { readonly signal?: AbortSignal },
): Promise<Map<string, ListedObject>> {
  const objects = new Map<string, ListedObject>();
  for await (const { key, ...object } of bucket.list('', options)) objects.set(key, listed(object));
  return objects;
}

function listed({ sizeBytes, modifiedAt, version }: Omit<ObjectInfo, 'key'>): ListedObject {
  return { sizeBytes, modifiedMs: modifiedAt.getTime(), version };
}
