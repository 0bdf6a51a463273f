import { bucketCredentials, type OpenBucketOptions } from './bucket-credentials.ts';
import type { Bucket } from './bucket.ts';
import { unusable } from './bucket-url.ts';
import { folderOf } from './drivers/directory-url.ts';
import { obsOptionsOf } from './drivers/obs/obs-url.ts';
import { s3OptionsOf } from './drivers/s3-url.ts';

/** Opens the bucket that `url` names (docs/reference/bucket.md). Throws `invalid_argument` for a URL it cannot read. */
export async function openBucket(url: string, options: OpenBucketOptions = {}): Promise<Bucket> {
  const parsed = URL.parse(url);
  if (!parsed) throw unusable(url, 'it is none');
  switch (parsed.protocol) {
    case 'file:': {
      const folder = folderOf(parsed, url);
      const { openDirectoryBucket } = await import('./drivers/directory.ts');
      return openDirectoryBucket(folder);
    }
    case 'memory:': {
      const { openMemoryBucket } = await import('./drivers/memory.ts');
      return openMemoryBucket();
    }
    case 's3:': {
      const place = s3OptionsOf(parsed, url);
      const credentials = bucketCredentials(parsed, url, options);
      const { openS3Bucket } = await import('./drivers/s3.ts');
      return openS3Bucket({ ...place, credentials });
    }
    case 'obs:': {
      const place = obsOptionsOf(parsed, url);
      const credentials = bucketCredentials(parsed, url, options);
      const { openObsBucket } = await import('./drivers/obs/obs.ts');
      return openObsBucket({ ...place, credentials });
    }
    default:
      throw unusable(url, 'its scheme is not known');
  }
}
