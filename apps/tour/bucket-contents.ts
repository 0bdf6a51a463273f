import { openBucket } from '@lade/bucket';

/** Objects and bytes in a bucket, by the first part of their keys. */
export async function bucketContents(
  url: string,
): Promise<ReadonlyMap<string, { objects: number; bytes: number }>> {
  await using bucket = await openBucket(url, { environment: (name) => process.env[name] });
  const kinds = new Map<string, { objects: number; bytes: number }>();
  for await (const { key, sizeBytes } of bucket.list('')) {
    const kind = key.slice(0, key.indexOf('/'));
    const { objects, bytes } = kinds.get(kind) ?? { objects: 0, bytes: 0 };
    kinds.set(kind, { objects: objects + 1, bytes: bytes + sizeBytes });
  }
  return kinds;
}
