import { StoreClock } from '@lade/credentials';
import { bucketCredentials, type CredentialOptions } from './bucket-credentials.ts';
import type { Bucket } from './bucket.ts';
import { unusable } from './bucket-url.ts';
import { countOperations } from './count-operations.ts';
import { folderOf } from './drivers/directory-url.ts';
import { obsOptionsOf } from './drivers/obs/obs-url.ts';
import { s3OptionsOf } from './drivers/s3-url.ts';
import type { BucketRequest } from './requests.ts';
import { createTraffic, type Traffic, type TrafficLimits } from './traffic.ts';

export interface OpenBucketOptions extends CredentialOptions {
  /** Is told of every request when it is over. */
  readonly tellRequest?: (request: BucketRequest) => void;
  /** For buckets that are reached over the network. Default: none. */
  readonly limits?: TrafficLimits;
}

/** Opens the bucket that `url` names (docs/reference/bucket.md). Throws `invalid_argument` for a URL it cannot read. */
export async function openBucket(url: string, options: OpenBucketOptions = {}): Promise<Bucket> {
  const parsed = URL.parse(url);
  if (!parsed) throw unusable(url, 'it is none');
  const clock = options.clock ?? new StoreClock();
  const hear: Traffic['hear'] = (date, tookMs) => clock.hear(date, tookMs);
  const traffic = createTraffic(options.limits ?? {}, hear, options.tellRequest);
  switch (parsed.protocol) {
    case 'file:': {
      const folder = folderOf(parsed, url);
      const { openDirectoryBucket } = await import('./drivers/directory.ts');
      return counted(await openDirectoryBucket(folder), options);
    }
    case 'memory:': {
      const { openMemoryBucket } = await import('./drivers/memory.ts');
      return counted(openMemoryBucket(), options);
    }
    case 's3:': {
      const place = s3OptionsOf(parsed, url);
      const credentials = bucketCredentials(parsed, url, { ...options, clock });
      const { openS3Bucket } = await import('./drivers/s3.ts');
      return openS3Bucket({ ...place, credentials, traffic });
    }
    case 'obs:': {
      const place = obsOptionsOf(parsed, url);
      const credentials = bucketCredentials(parsed, url, { ...options, clock });
      const { openObsBucket } = await import('./drivers/obs/obs.ts');
      return openObsBucket({ ...place, credentials, traffic, clock });
    }
    default:
      throw unusable(url, 'its scheme is not known');
  }
}

function counted(bucket: Bucket, { tellRequest }: OpenBucketOptions): Bucket {
  return tellRequest ? countOperations(bucket, tellRequest) : bucket;
}
