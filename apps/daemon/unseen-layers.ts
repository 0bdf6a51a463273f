import { isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import type { InspectedLayer, LocalLayers } from '@lade/residency';

type Inspected = Pick<LocalLayers, 'inspect'>;

/**
 * Tells, of some layers, those whose reads are not seen now: the kernel reads them without asking, or they are not mounted. Each layer
 * is looked at once, however many containers have it.
 */
export function lookForUnseen(layers: Inspected): (diffIds: readonly Digest[]) => Promise<Digest[]> {
  const known = new Map<Digest, Promise<boolean>>();
  const isUnseen = async (diffId: Digest): Promise<boolean> => {
    const asked = known.get(diffId) ?? inspectUnseen(layers, diffId);
    known.set(diffId, asked);
    return asked;
  };
  return async (diffIds) => {
    const answers = await Promise.all(diffIds.map(isUnseen));
    return diffIds.filter((_, i) => answers[i]);
  };
}

async function inspectUnseen(layers: Inspected, diffId: Digest): Promise<boolean> {
  try {
    return isSilent(await layers.inspect(diffId));
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return false;
    throw reason;
  }
}

/** A layer without file data has nothing that could be read. */
function isSilent({ row, served }: Pick<InspectedLayer, 'row' | 'served'>): boolean {
  return row.blobBytes > 0 && (served?.isSilent ?? true);
}
