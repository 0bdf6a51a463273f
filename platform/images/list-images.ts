import type { Bucket } from '@lade/bucket';
import type { Logger } from '@lade/log';
import { forEachConcurrently } from '@lade/streams';
import { codeOf } from '@lade/errors';
import { IMAGES_PREFIX, imageNameOf, type ImageRecord } from './image-record.ts';
import { findImageRecord } from './read-image-record.ts';

const READS = 8;
const MAX_KNOWN = 1_000;

/** Records as they were read, by the versions of their objects: a list that is made again and again reads only what is new. */
export type KnownRecords = Map<string, { readonly version: string; readonly record: ImageRecord }>;

/** The images that the bucket knows, by name. Records that are damaged or too new are logged and left out. `known` is kept up to date. */
export async function listImages(
  bucket: Bucket,
  options: { readonly log: Logger; readonly signal?: AbortSignal; readonly known?: KnownRecords },
): Promise<ImageRecord[]> {
  const { log, known = new Map() as KnownRecords, ...waiting } = options;
  const versions = new Map<string, string>();
  for await (const { key, version } of bucket.list(IMAGES_PREFIX, waiting)) {
    const name = imageNameOf(key);
    if (name === undefined) log.warn('object is no image record', { key });
    else versions.set(name, version);
  }
  for (const name of known.keys()) if (!versions.has(name)) known.delete(name);
  const records: ImageRecord[] = [];
  const read = async ([name, version]: readonly [string, string], signal: AbortSignal): Promise<void> => {
    const before = known.get(name);
    if (before?.version === version) {
      records.push(before.record);
      return;
    }
    try {
      const record = await findImageRecord(bucket, name, { signal });
      if (!record) return;
      records.push(record);
      if (known.has(name) || known.size < MAX_KNOWN) known.set(name, { version, record });
    } catch (reason) {
      if (!['data_loss', 'unimplemented', 'resource_exhausted'].includes(codeOf(reason))) throw reason;
      log.warn('image record left out', { image: name, error: reason });
    }
  };
  await forEachConcurrently(versions, READS, read, waiting);
  return records.sort((a, b) => (a.name < b.name ? -1 : 1));
}
