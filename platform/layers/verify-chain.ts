import type { Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import type { ChainKeys, ChainRecord } from './chain-record.ts';
import { chainKey } from './object-keys.ts';
import { readChainRecord, readRecordedIndex } from './read-layer.ts';

/**
 * Proves the record of a chain and the index that it vouches for. Throws `not_found` where no node has published the
 * chain, else as decodeChainRecord() and decodeIndexHead() do, naming the object.
 */
export async function verifyChain(
  bucket: Bucket,
  chain: Digest,
  options: { readonly keys: ChainKeys; readonly signal?: AbortSignal },
): Promise<ChainRecord> {
  const { keys, ...waiting } = options;
  const record = await readChainRecord(bucket, chain, keys, waiting);
  if (record) {
    await readRecordedIndex(bucket, record, waiting);
    return record;
  }
  throw new CodedError('not_found', `Cannot find chain record ${chainKey(chain)} in ${bucket.location}`, {
    cure: 'Pull the image from its registry on a node with this bucket, and wait for its uploads',
  });
}
