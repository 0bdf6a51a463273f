import { open } from 'node:fs/promises';
import type { Bucket } from '@lade/bucket';
import { checkedBytes } from './checked-bytes.ts';
import type { ContentDigest } from './content-digest.ts';
import { contentKey } from './content-key.ts';

/**
 * Brings content from the bucket into a file, checked and on disk. Returns its size. Throws `not_found` when the bucket lacks
 * it, `data_loss` when it is damaged there.
 */
export async function fetchContent(
  digest: ContentDigest,
  path: string,
  { bucket, signal }: { readonly bucket: Bucket; readonly signal: AbortSignal },
): Promise<number> {
  const key = contentKey(digest);
  const { body } = await bucket.get(key, { signal });
  await using file = await open(path, 'wx', 0o600);
  let sizeBytes = 0;
  for await (const bytes of checkedBytes(body, digest, `object ${key}`)) {
    await file.writeFile(bytes);
    sizeBytes += bytes.byteLength;
  }
  await file.datasync();
  return sizeBytes;
}
