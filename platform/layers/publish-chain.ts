import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { encodeChainRecord, type ChainKeys, type ChainRecord } from './chain-record.ts';
import { chainKey } from './object-keys.ts';
import { readChainRecord } from './read-layer.ts';

/**
 * Publishes the record of a chain whose layer is published. One that says the same, and that our keys accept, stays;
 * a damaged, untrusted or outdated one is replaced.
 */
export async function publishChain(
  bucket: Bucket,
  chain: Digest,
  record: ChainRecord,
  options: { readonly keys: ChainKeys; readonly signal?: AbortSignal },
): Promise<void> {
  const { keys, ...waiting } = options;
  const bytes = encodeChainRecord(record, keys);
  try {
    await bucket.put(chainKey(chain), bytes, { condition: { absent: true }, ...waiting });
  } catch (reason) {
    if (!isCodedError(reason, 'already_exists')) throw reason;
    if ((await readAcceptable(bucket, chain, options))?.index === record.index) return;
    await bucket.put(chainKey(chain), bytes, waiting);
  }
}

async function readAcceptable(
  bucket: Bucket,
  chain: Digest,
  { keys, ...waiting }: { readonly keys: ChainKeys; readonly signal?: AbortSignal },
): Promise<ChainRecord | undefined> {
  try {
    return await readChainRecord(bucket, chain, keys, waiting);
  } catch (reason) {
    if (isCodedError(reason, 'data_loss') || isCodedError(reason, 'unauthenticated')) return undefined;
    throw reason;
  }
}
