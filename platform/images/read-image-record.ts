import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { IMAGES_PREFIX, decodeImageRecord, imageKey, imageNameOf, type ImageRecord } from './image-record.ts';
import { similarNames } from './similar-names.ts';

/** 20 platforms with 100 layers each stay below it. */
const MAX_RECORD_BYTES = 4 << 20;

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Throws `not_found`, with similar names in the cure, and as decodeImageRecord() does. Only the exact name is found. */
export async function readImageRecord(
  bucket: Bucket,
  name: string,
  options: WaitOptions = {},
): Promise<ImageRecord> {
  const record = await findImageRecord(bucket, name, options);
  if (record) return record;
  const names: string[] = [];
  for await (const { key } of bucket.list(IMAGES_PREFIX, options)) names.push(imageNameOf(key) ?? key);
  const similar = similarNames(name, names);
  throw new CodedError('not_found', `Cannot find image ${name} in ${bucket.location}`, {
    cure:
      similar.length > 0
        ? `Use a name that the bucket knows: ${similar.join(', ')}`
        : 'Pull it from its registry on a node with this bucket',
  });
}

/** The record of an image, or undefined where there is none. Throws as decodeImageRecord() does. */
export async function findImageRecord(
  bucket: Bucket,
  name: string,
  options: WaitOptions,
): Promise<ImageRecord | undefined> {
  return (await findStoredRecord(bucket, name, options))?.decode();
}

/** A record that is there and has not been looked at yet. */
export interface StoredRecord {
  /** Of the object, for replacing exactly this one. */
  readonly version: string;
  /** Throws as decodeImageRecord() does. */
  decode(): ImageRecord;
}

export async function findStoredRecord(
  bucket: Bucket,
  name: string,
  options: WaitOptions,
): Promise<StoredRecord | undefined> {
  const key = imageKey(name);
  try {
    const { body, version } = await bucket.get(key, options);
    const bytes = await collectBytes(body, MAX_RECORD_BYTES);
    return { version, decode: () => decodeImageRecord(bytes, key) };
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
}
