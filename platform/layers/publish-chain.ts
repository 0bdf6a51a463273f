import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { NO_CHAIN_KEYS, encodeChainRecord, type ChainKeys, type ChainRecord } from './chain-record.ts';
import { chainKey } from './object-keys.ts';
import { readChainRecord } from './read-layer.ts';

/**
 * Publishes the record of a chain whose layer is published. One that says the same stays, unless our signature makes a
 * trusted one of it; a damaged or outdated one is replaced.
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
    const judges = keys.signer ? keys : NO_CHAIN_KEYS;
    if ((await readAcceptable(bucket, chain, { ...options, keys: judges }))?.index === record.index) return;
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
