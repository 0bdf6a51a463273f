import { digestOf, type Digest } from './digest.ts';

/** The chain id of `diffId` stacked on `parent` (image-spec config.md, "Layer ChainID"). */
export function chainId(parent: Digest | undefined, diffId: Digest): Digest {
  return parent === undefined ? diffId : digestOf(`${parent} ${diffId}`);
}

/** The chain ids of a whole image, bottom layer first. */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) chain.push(chainId(chain.at(-1), diffId));
  return chain;
}
