import type { Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { claimOf, metadataDigest } from './index-claim.ts';
import type { LayerIndex } from './index-object.ts';
import { packKey } from './object-keys.ts';
import { readIndex } from './read-layer.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/**
 * The bucket's index of the layer that `local` describes, if the layer can be started from it: it is undamaged, says the
 * same as the conversion here, and all its packs are there. Throws `unimplemented` for one of a newer version.
 */
export async function findUsableIndex(
  bucket: Bucket,
  local: LayerIndex,
  options: WaitOptions,
): Promise<LayerIndex | undefined> {
  try {
    const index = await readIndex(bucket, local.header.diffId, options);
    if (!index || !(await isSameLayer(index, local))) return undefined;
    return (await hasPacks(bucket, index, options)) ? index : undefined;
  } catch (reason) {
    if (isCodedError(reason, 'data_loss')) return undefined;
    throw reason;
  }
}

async function isSameLayer(one: LayerIndex, other: LayerIndex): Promise<boolean> {
  if (one.header.metadataBytes !== other.header.metadataBytes) return false;
  return claimOf(one, await metadataDigest(one)) === claimOf(other, await metadataDigest(other));
}

async function hasPacks(bucket: Bucket, { packs }: LayerIndex, options: WaitOptions): Promise<boolean> {
  for (const { digest, sizeBytes } of packs) {
    try {
      if ((await bucket.head(packKey(digest), options)).sizeBytes !== sizeBytes) return false;
    } catch (reason) {
      if (isCodedError(reason, 'not_found')) return false;
      throw reason;
    }
  }
  return true;
}
