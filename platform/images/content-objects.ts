import type { Bucket } from '@lade/bucket';
import { contentKey } from '@lade/content';
import { CodedError, isCodedError } from '@lade/errors';
import { digestOf, type Descriptor, type Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';

/** No manifest, index or config is larger. */
export const MAX_CONTENT_BYTES = 8 << 20;

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Puts `bytes`, unless the bucket has an object of this digest. */
export async function putContent(
  bucket: Bucket,
  digest: Digest,
  bytes: Uint8Array,
  options: WaitOptions,
): Promise<void> {
  try {
    await bucket.put(contentKey(digest), bytes, { condition: { absent: true }, ...options });
  } catch (reason) {
    if (!isCodedError(reason, 'already_exists')) throw reason;
  }
}

/** The bytes of `digest`, checked. Throws `not_found` when the bucket lacks them, `data_loss` when they are others. */
export async function readContent(bucket: Bucket, digest: Digest, options: WaitOptions): Promise<Uint8Array> {
  const key = contentKey(digest);
  const { body } = await bucket.get(key, options);
  return checkContent(await collectBytes(body, MAX_CONTENT_BYTES), { digest }, `object ${key}`);
}

/** Returns `bytes`. Throws `data_loss`, naming `source`, unless they are what the descriptor says and at most 8 MiB. */
export function checkContent(
  bytes: Uint8Array,
  { digest, size = bytes.byteLength }: Pick<Descriptor, 'digest'> & Partial<Descriptor>,
  source: string,
): Uint8Array {
  if (bytes.byteLength > MAX_CONTENT_BYTES)
    throw damaged(source, `it is larger than ${MAX_CONTENT_BYTES} bytes`);
  if (bytes.byteLength !== size)
    throw damaged(source, `it has ${bytes.byteLength} bytes, its descriptor says ${size}`);
  const actual = digestOf(bytes);
  if (actual !== digest) throw damaged(source, `its digest is ${actual}, not ${digest}`);
  return bytes;
}

function damaged(source: string, state: string): CodedError {
  return new CodedError('data_loss', `Cannot use ${source}: ${state}`, {
    cure: 'Remove it, and pull the image from its registry once more',
  });
}
