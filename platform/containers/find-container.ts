import { CodedError, isCodedError } from '@lade/errors';
import type { Container, Containerd, WaitOptions } from './ports.ts';

/** Throws `not_found`, with where others are. */
export async function findContainer(
  id: string,
  { namespace, ...waiting }: WaitOptions & { readonly namespace: string },
  containerd: Containerd,
): Promise<Container> {
  try {
    return await containerd.inNamespace(namespace).containers.get(id, waiting);
  } catch (reason) {
    if (!isCodedError(reason, 'not_found')) throw reason;
    throw new CodedError('not_found', `Cannot find container ${id} in namespace ${namespace}`, {
      cure: 'See which there are with lade ps --all',
    });
  }
}
