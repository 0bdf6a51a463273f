import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { verifyChain, verifyLayer, type ChainKeys } from '@lade/layers';
import type { Digest } from '@lade/oci';

/**
 * Why this node did not take a chain's layer from the bucket: resolves false if nobody has published it, else throws what
 * is wrong with it there. Reads the whole layer.
 */
export async function explainMiss(
  chain: Digest,
  {
    bucket,
    keys,
    signal,
  }: { readonly bucket: Bucket; readonly keys: ChainKeys; readonly signal: AbortSignal },
): Promise<false> {
  try {
    const { diffId } = await verifyChain(bucket, chain, { keys, signal });
    await verifyLayer(bucket, diffId, { signal });
    throw new CodedError(
      'unavailable',
      `Cannot take layer ${diffId} from the bucket: it could not be fetched`,
      {
        cure: 'See the daemon’s log for the reason, and try again',
      },
    );
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return false;
    throw reason;
  }
}
