import type { Bucket, WaitOptions } from '@lade/bucket';
import { isCodedError, type ErrorCode } from '@lade/errors';
import type { Logger } from '@lade/log';
import { collectBytes, forEachConcurrently } from '@lade/streams';
import { NODES_PREFIX, decodeNodeRecord, type NodeRecord } from './node-record.ts';

const MAX_RECORD_BYTES = 64 << 10;
const READS_AT_ONCE = 16;
const UNREADABLE: readonly ErrorCode[] = ['data_loss', 'unimplemented', 'resource_exhausted'];

/** The nodes of a bucket, by name: a list, and a read of each. Records that cannot be read are left out, and logged. */
export async function listNodes(
  bucket: Bucket,
  { log, ...options }: WaitOptions & { readonly log: Logger },
): Promise<readonly NodeRecord[]> {
  const keys = (await Array.fromAsync(bucket.list(NODES_PREFIX, options))).map(({ key }) => key);
  const records: NodeRecord[] = [];
  await forEachConcurrently(
    keys,
    READS_AT_ONCE,
    async (key, signal) => {
      try {
        const { body } = await bucket.get(key, { signal });
        records.push(decodeNodeRecord(await collectBytes(body, MAX_RECORD_BYTES), key));
      } catch (error) {
        const isUnreadable = isCodedError(error) && UNREADABLE.includes(error.code);
        if (isUnreadable) log.warn('node left out', { key, error });
        else if (!isCodedError(error, 'not_found')) throw error;
      }
    },
    options,
  );
  return records.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
