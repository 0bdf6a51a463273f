import { stat } from 'node:fs/promises';
import { CodedError, fromUnknown } from '@lade/errors';
import type { BindMount } from '@lade/oci';

/** Nothing is made on this node that was only misspelt. Throws `failed_precondition` for a source that is not there. */
export async function checkMounts(mounts: readonly BindMount[] = []): Promise<void> {
  for (const { source, destination } of mounts) {
    try {
      await stat(source);
    } catch (reason) {
      const isMissing = (reason as NodeJS.ErrnoException).code === 'ENOENT';
      const state = isMissing ? 'it is not there' : fromUnknown(reason).message;
      throw new CodedError('failed_precondition', `Cannot mount ${source} at ${destination}: ${state}`, {
        cure: 'Make it first, or name another folder of this node',
        cause: reason,
      });
    }
  }
}
