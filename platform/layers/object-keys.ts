import { hexOf, type Digest } from '@lade/oci';

/** Where the objects of a layer live below the bucket's prefix (docs/reference/layer-format.md). */
export const LAYERS_PREFIX = 'layers/sha256/';
export const PACKS_PREFIX = 'packs/sha256/';
export const CHAINS_PREFIX = 'chains/sha256/';
const HOT_PREFIX = 'hot/sha256/';

export function indexKey(diffId: Digest): string {
  return LAYERS_PREFIX + hexOf(diffId);
}

export function packKey(digest: Digest): string {
  return PACKS_PREFIX + hexOf(digest);
}

export function hotKey(diffId: Digest): string {
  return HOT_PREFIX + hexOf(diffId);
}

export function chainKey(chainId: Digest): string {
  return CHAINS_PREFIX + hexOf(chainId);
}
