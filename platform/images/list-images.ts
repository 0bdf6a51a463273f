import type { Bucket } from '@lade/bucket';
import type { Logger } from '@lade/log';
import { forEachConcurrently } from '@lade/streams';
import { codeOf } from '@lade/errors';
import { IMAGES_PREFIX, imageNameOf, type ImageRecord } from './image-record.ts';
import { findImageRecord } from './read-image-record.ts';

const READS = 8;

/** The images that the bucket knows, by name. Records that are damaged or too new are logged and left out. */
export async function listImages(
  bucket: Bucket,
  options: { readonly log: Logger; readonly signal?: AbortSignal },
): Promise<ImageRecord[]> {
  const { log, ...waiting } = options;
  const names: string[] = [];
  for await (const { key } of bucket.list(IMAGES_PREFIX, waiting)) {
    const name = imageNameOf(key);
    if (name === undefined) log.warn('object is no image record', { key });
    else names.push(name);
  }
  const records: ImageRecord[] = [];
  const read = async (name: string, signal: AbortSignal): Promise<void> => {
    try {
      const record = await findImageRecord(bucket, name, { signal });
      if (record) records.push(record);
    } catch (reason) {
      if (!['data_loss', 'unimplemented', 'resource_exhausted'].includes(codeOf(reason))) throw reason;
      log.warn('image record left out', { image: name, error: reason });
    }
  };
  await forEachConcurrently(names, READS, read, waiting);
  return records.sort((a, b) => (a.name < b.name ? -1 : 1));
}
