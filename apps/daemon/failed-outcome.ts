import { fromUnknown } from '@lade/errors';
import type { Outcome } from './doctor.ts';

/** What a check has found that threw. */
export function failed(reason: unknown): Outcome {
  const { message, cure } = fromUnknown(reason);
  return {
    state: 'failed',
    found: message,
    cure: cure ?? 'Report this message, with the output of lade doctor --json',
  };
}
