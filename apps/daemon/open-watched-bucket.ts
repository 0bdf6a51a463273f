import {
  BucketHealth,
  StoreClock,
  openBucket,
  watchBucket,
  type Bucket,
  type BucketEvent,
  type CredentialEvent,
} from '@lade/bucket';
import type { Logger } from '@lade/log';
import type { RequestTotals } from '@lade/nodes';
import type { DaemonConfig } from './config.ts';

/** Stores refuse requests of a clock that is 15 minutes off; a minute is on the way there. */
const SKEW_MS = 60_000;
const CLOCK_CURE = 'Set the clock of this node, and keep it set with NTP';

export interface WatchedBucket {
  readonly bucket: Bucket;
  readonly health: BucketHealth;
  /** That of the store. */
  readonly clock: StoreClock;
}

/** Opens the bucket of the configuration; what is done with its objects is told and judged, and every request to it is counted. */
export async function openWatchedBucket(
  { bucketUrl, environment, bucketLimits }: DaemonConfig,
  {
    log,
    tellBucket,
    requests,
  }: {
    readonly log: Logger;
    readonly tellBucket: (event: BucketEvent) => void;
    readonly requests: RequestTotals;
  },
): Promise<WatchedBucket> {
  const clock = new StoreClock();
  const store = await openBucket(bucketUrl, {
    environment,
    limits: bucketLimits,
    clock,
    tellCredentials: tellIn(log),
    tellRequest: (request) => requests.count(request),
  });
  const health = new BucketHealth(store.location);
  const lookAtClock = warnOf(clock, log);
  const bucket = watchBucket(store, (event, reason) => {
    tellBucket(event);
    health.tell(event, reason);
    lookAtClock();
  });
  return { bucket, health, clock };
}

/** Tells when the clocks begin to differ, once. */
function warnOf(clock: StoreClock, log: Logger): () => void {
  let isTold = false;
  return () => {
    const aheadMs = clock.aheadMs() ?? 0;
    const isOff = Math.abs(aheadMs) >= SKEW_MS;
    if (isOff && !isTold)
      log.warn("the bucket's clock is not this node's", { aheadMs: Math.round(aheadMs), cure: CLOCK_CURE });
    isTold = isOff;
  };
}

/** Where the bucket's credentials come from, and what keeps new ones from coming. */
function tellIn(log: Logger): (event: CredentialEvent) => void {
  return ({ kind, ...details }) => {
    if (kind === 'found') log.info('credentials found', details);
    else log.warn('credentials cannot be renewed, the last ones still hold', details);
  };
}
