import { openBucket, watchBucket, type Bucket, type BucketEvent, type CredentialEvent } from '@lade/bucket';
import type { Logger } from '@lade/log';
import type { RequestTotals } from '@lade/nodes';
import type { DaemonConfig } from './config.ts';

/** Opens the bucket of the configuration; what is done with its objects is told, and every request to it is counted. */
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
): Promise<Bucket> {
  const store = await openBucket(bucketUrl, {
    environment,
    limits: bucketLimits,
    tellCredentials: tellIn(log),
    tellRequest: (request) => requests.count(request),
  });
  return watchBucket(store, tellBucket);
}

/** Where the bucket's credentials come from, and what keeps new ones from coming. */
function tellIn(log: Logger): (event: CredentialEvent) => void {
  return ({ kind, ...details }) => {
    if (kind === 'found') log.info('credentials found', details);
    else log.warn('credentials cannot be renewed, the last ones still hold', details);
  };
}
