import {
  countRequest,
  createRequestCounts,
  openBucket,
  watchBucket,
  type Bucket,
  type BucketEvent,
  type CredentialEvent,
  type RequestCounts,
} from '@lade/bucket';
import type { Logger } from '@lade/log';
import type { DaemonConfig } from './config.ts';

export interface WatchedBucket extends AsyncDisposable {
  readonly bucket: Bucket;
  /** What the store was asked since it was opened. */
  readonly requests: RequestCounts;
}

/** Opens the bucket of the configuration, whose objects are told, and whose requests are counted. */
export async function openWatchedBucket(
  config: DaemonConfig,
  { log, tellBucket }: { readonly log: Logger; readonly tellBucket: (event: BucketEvent) => void },
): Promise<WatchedBucket> {
  const requests = createRequestCounts();
  const store = await openBucket(config.bucketUrl, {
    environment: config.environment,
    limits: config.bucketLimits,
    tellCredentials: tellIn(log),
    tellRequest: (request) => countRequest(requests, request),
  });
  return {
    bucket: watchBucket(store, tellBucket),
    requests,
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

/** Where the bucket's credentials come from, and what keeps new ones from coming. */
function tellIn(log: Logger): (event: CredentialEvent) => void {
  return ({ kind, ...details }) => {
    if (kind === 'found') log.info('credentials found', details);
    else log.warn('credentials cannot be renewed, the last ones still hold', details);
  };
}
