import type { BucketCondition, StoreClock } from '@lade/bucket';
import { encodeError, type BucketHealthStatus } from '@lade/control-protocol';

/** The condition of the bucket as the control API tells it. */
export function describeBucket(
  { state, since, lastSuccessAt, lastFailure }: BucketCondition,
  clock: StoreClock,
): BucketHealthStatus {
  const aheadMs = clock.aheadMs();
  return {
    state,
    since: since.toISOString(),
    ...(lastSuccessAt ? { lastSuccessAt: lastSuccessAt.toISOString() } : {}),
    ...(lastFailure ? { lastError: describeFailure(lastFailure) } : {}),
    ...(aheadMs === undefined ? {} : { clockAheadMs: Math.round(aheadMs) }),
  };
}

function describeFailure({
  at,
  operation,
  key,
  error,
}: NonNullable<BucketCondition['lastFailure']>): NonNullable<BucketHealthStatus['lastError']> {
  return { ...encodeError(error), at: at.toISOString(), operation, key };
}
