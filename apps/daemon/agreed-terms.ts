import { isAtLeast } from '@lade/containerd-config';
import { wrapError } from '@lade/errors';
import type { AgreedTerms } from '@lade/snapshots';
import type { ContainerdNode } from './containerd-node.ts';

const ANSWER_MS = 5_000;

/**
 * What this node's containerd and we have agreed to: what its configuration says, which an earlier release may have written.
 */
export function agreedTerms(node: Pick<ContainerdNode, 'capabilitiesOf' | 'version'>): AgreedTerms {
  return {
    async leavesIdsToUs({ signal }) {
      try {
        return (await node.capabilitiesOf('lade', within(signal))).includes('remap-ids');
      } catch (reason) {
        throw wrapError(reason, 'Cannot ask containerd who maps ids', {
          cure: 'Name its socket with --containerd',
        });
      }
    },
    async layersApart({ signal }) {
      try {
        if (!(await node.capabilitiesOf('lade', within(signal))).includes('rebase')) return 'never';
        const version = await node.version(within(signal));
        if (isAtLeast(version, [2, 4])) return 'staged';
        return isAtLeast(version, [2, 2]) ? 'exists' : 'never';
      } catch {
        signal?.throwIfAborted();
        return undefined;
      }
    },
  };
}

function within(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(ANSWER_MS);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
