import { open, type FileHandle } from 'node:fs/promises';
import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError, wrapError } from '@lade/errors';
import { checkedBytes } from './checked-bytes.ts';
import type { ContentDigest } from './content-digest.ts';
import { contentKey } from './content-key.ts';
import { readFile } from './read-file.ts';

interface UploadContext {
  readonly bucket: Bucket;
  /** The object there is known to be damaged. */
  readonly replace: boolean;
  readonly signal: AbortSignal;
}

/**
 * Puts the file into the bucket, unless it is there; its bytes are checked once more on the way. Returns its size. Throws `not_found` with
 * `details.localContent` = "gone" without the file, `data_loss` with "damaged" for other bytes.
 */
export async function uploadContent(
  digest: ContentDigest,
  path: string,
  { bucket, replace, signal }: UploadContext,
): Promise<number> {
  await using file = await openContent(digest, path);
  const { size } = await file.stat();
  const key = contentKey(digest);
  if (!replace && (await isStored(bucket, key, size, signal))) return size;
  const bytes = checkedBytes(readFile(file, 0, size), digest, `content ${digest} of this node`);
  try {
    const condition = { absent: true } as const;
    await bucket.put(key, bytes, { sizeBytes: size, signal, ...(replace ? {} : { condition }) });
  } catch (reason) {
    if (isCodedError(reason, 'already_exists')) return size;
    if (!isCodedError(reason, 'data_loss')) throw reason;
    throw wrapError(reason, `Cannot upload content ${digest}`, { details: { localContent: 'damaged' } });
  }
  return size;
}

async function openContent(digest: ContentDigest, path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (reason) {
    throw new CodedError('not_found', `Cannot upload content ${digest}: its file is gone`, {
      cause: reason,
      details: { localContent: 'gone' },
    });
  }
}

/** One request instead of sending what the bucket has; conditional puts decide what the store really does. */
async function isStored(bucket: Bucket, key: string, size: number, signal: AbortSignal): Promise<boolean> {
  try {
    return (await bucket.head(key, { signal })).sizeBytes === size;
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return false;
    throw reason;
  }
}
