import type { Containerd, RunnableImage } from '@lade/containers';
import { CodedError, isCodedError } from '@lade/errors';
import { machinePlatform } from '@lade/images';
import { chainIds, parseReference, type Descriptor } from '@lade/oci';
import type { ContainerdNode, Scope } from './containerd-node.ts';
import { readManifests } from './image-manifests.ts';

/** This node's containerd, as running containers needs it. */
export function createContainerRuntime(node: ContainerdNode): Containerd {
  return {
    inNamespace: (namespace) => node.inNamespace(namespace),
    namespaces: async (options) => node.namespaces(options),
    async image(name, { namespace, signal = new AbortController().signal }) {
      const scope = { namespace, signal };
      const image = await findImage(name, node, scope);
      return toRunnable(image, node, scope);
    },
  };
}

interface NamedImage {
  readonly name: string;
  readonly target: Descriptor;
}

/** By the name that containerd has, or by a shorter one as docker has them. */
async function findImage(
  text: string,
  node: ContainerdNode,
  { namespace, signal }: Scope,
): Promise<NamedImage> {
  const { images } = node.inNamespace(namespace);
  const names = new Set([text, parseReference(text).name]);
  for (const name of names) {
    try {
      return await images.get(name, { signal });
    } catch (reason) {
      if (!isCodedError(reason, 'not_found')) throw reason;
    }
  }
  throw new CodedError(
    'not_found',
    `Cannot run image ${text}: containerd does not have it in namespace ${namespace}`,
    {
      cure: `Bring it with lade pull ${text}`,
    },
  );
}

async function toRunnable(
  { name, target }: NamedImage,
  node: ContainerdNode,
  scope: Scope,
): Promise<RunnableImage> {
  const manifests = await readManifests(target, node, scope);
  const { os, architecture } = machinePlatform();
  const suitable = manifests.find(({ config }) => config.os === os && config.architecture === architecture);
  if (suitable) {
    return { name, parent: chainIds(suitable.diffIds).at(-1) ?? '', config: suitable.config.config };
  }
  const there =
    manifests.map(({ config }) => `${config.os}/${config.architecture}`).join(', ') || 'no platform';
  throw new CodedError(
    'failed_precondition',
    `Cannot run image ${name}: it is here for ${there}, not ${os}/${architecture}`,
    {
      cure: `Pull it for this machine with lade pull ${name}`,
    },
  );
}
