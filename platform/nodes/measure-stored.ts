import type { Bucket, WaitOptions } from '@lade/bucket';

export interface StoredKind {
  /** The first part of the keys. */
  readonly kind: string;
  readonly objects: number;
  readonly bytes: number;
}

/** What a bucket stores, by kind. Lists all of it: a request for every 1,000 objects. */
export async function measureStored(
  bucket: Bucket,
  options: WaitOptions = {},
): Promise<readonly StoredKind[]> {
  const kinds = new Map<string, { kind: string; objects: number; bytes: number }>();
  for await (const { key, sizeBytes } of bucket.list('', options)) {
    const [kind = key] = key.split('/', 1);
    const stored = kinds.get(kind) ?? { kind, objects: 0, bytes: 0 };
    stored.objects++;
    stored.bytes += sizeBytes;
    kinds.set(kind, stored);
  }
  return [...kinds.values()];
}
