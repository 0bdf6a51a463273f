import { chainIds, type Digest } from '@lade/oci';
import type { AgreedTerms, LayersApart, RemoteLayers } from '../ports.ts';
import { LAYER_DIFF_ID, LAYER_PARENT_CHAIN, SNAPSHOT_REF } from '../snapshot.ts';
import type { TestBed } from './test-bed.ts';

export interface Image {
  readonly diffIds: readonly Digest[];
  readonly chains: readonly Digest[];
}

const SCRIPTS = ['printf 1 > one', 'printf 2 > two', 'printf 3 > three'];

/** Three layers, each with a file of its own. */
export async function makeImage(bed: TestBed): Promise<Image> {
  const diffIds: Digest[] = [];
  for (const script of SCRIPTS) diffIds.push(await bed.layers.add(script));
  return { diffIds, chains: chainIds(diffIds) };
}

/** A bucket with these layers of an image, and how it was asked. */
export function bucketOf(
  { diffIds, chains }: Image,
  has = chains,
): RemoteLayers & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find: async (chain, wanted) => {
      const i = chains.indexOf(chain);
      asked.push(`${i} on ${wanted === 'any' ? wanted : chains.indexOf(wanted ?? chain)}`);
      const [diffId, parentChain] = [diffIds[i], chains[i - 1]];
      if (!diffId || !has.includes(chain) || (wanted !== 'any' && wanted !== parentChain)) return undefined;
      return { diffId, parentChain, [Symbol.dispose]: () => {} };
    },
  };
}

/** Terms by which layers come without their parents. */
export function agreed(mode: LayersApart | undefined): { readonly terms: AgreedTerms } {
  return { terms: { leavesIdsToUs: async () => false, layersApart: async () => mode } };
}

/** As containerd 2.3 and newer label layer `i`; 2.2 has the first label alone. */
export function labelsOf({ diffIds, chains }: Image, i: number, isNew = true): Record<string, string> {
  const below = chains[i - 1];
  return {
    [SNAPSHOT_REF]: chains[i] ?? '',
    ...(isNew ? { [LAYER_DIFF_ID]: diffIds[i] ?? '' } : {}),
    ...(isNew && below ? { [LAYER_PARENT_CHAIN]: below } : {}),
  };
}
