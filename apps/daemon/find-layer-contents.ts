import type { Logger } from '@lade/log';
import { chainIds, type Digest } from '@lade/oci';
import type { ContainerdNode, NodeImage } from './containerd-node.ts';
import { readManifests } from './image-manifests.ts';

/** A blob that should be in containerd's content store. */
export interface LayerContent {
  readonly namespace: string;
  readonly digest: Digest;
}

interface Search {
  readonly node: ContainerdNode;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Which blobs have the top layers of these chains, as the images of all namespaces tell; without those that none names. */
export async function findLayerContents(
  chains: ReadonlySet<Digest>,
  search: Search,
): Promise<Map<Digest, LayerContent[]>> {
  const found = new Map<Digest, LayerContent[]>();
  for await (const image of search.node.images(search.signal)) {
    for (const [chain, content] of await layersOf(image, search)) {
      if (chains.has(chain)) found.set(chain, [...(found.get(chain) ?? []), content]);
    }
  }
  return found;
}

async function layersOf(
  { namespace, name, target }: NodeImage,
  { node, log, signal }: Search,
): Promise<[chain: Digest, LayerContent][]> {
  try {
    const manifests = await readManifests(target, node, { namespace, signal });
    return manifests.flatMap(({ layers, diffIds }) =>
      chainIds(diffIds).flatMap((chain, i): [Digest, LayerContent][] => {
        const digest = layers[i]?.digest;
        return digest ? [[chain, { namespace, digest }]] : [];
      }),
    );
  } catch (error) {
    signal.throwIfAborted();
    log.debug('image not looked through', { image: name, error });
    return [];
  }
}
