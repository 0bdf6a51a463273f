import type { Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import { isHeld, readSweep } from './sweep.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** What a publisher does between two looks at the bucket's garbage collection. */
export interface Reuse {
  /**
   * Throws `aborted` when something may have been removed since the beginning: what was published has to be published once more,
   * from the beginning. To be called when all that is published can be seen, and before anything is given up for it.
   */
  readonly confirm: () => Promise<void>;
}

/** Begins to publish what may refer to objects that are there already. Throws `aborted` while garbage is being removed. */
export async function beginReuse(bucket: Bucket, options: WaitOptions, now = Date.now): Promise<Reuse> {
  const { sweep: before } = await readSweep(bucket, options);
  if (before.keys.length > 0 && isHeld(before, now())) throw interrupted(bucket);
  return {
    async confirm() {
      const { sweep } = await readSweep(bucket, options);
      if (sweep.id !== before.id) throw interrupted(bucket);
    },
  };
}

function interrupted({ location }: Bucket): CodedError {
  return new CodedError('aborted', `Cannot publish to ${location} now: its garbage is being removed`, {
    cure: 'It is published when that is done',
  });
}
