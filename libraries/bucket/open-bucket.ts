import type { Bucket } from './bucket.ts';
import { unusable } from './bucket-url.ts';
import { folderOf } from './drivers/directory-url.ts';
import { obsOptionsOf } from './drivers/obs/obs-url.ts';
import { s3OptionsOf } from './drivers/s3-url.ts';

/** The variables of the environment, in which drivers look for credentials that the URL does not give. */
export type Environment = (name: string) => string | undefined;

export interface OpenBucketOptions {
  /** Default: an empty one. The S3 driver looks into the environment of the process in any case, as its SDK does. */
  readonly environment?: Environment;
}

/** Opens the bucket that `url` names (docs/reference/bucket.md). Throws `invalid_argument` for a URL it cannot read. */
export async function openBucket(
  url: string,
  { environment = () => undefined }: OpenBucketOptions = {},
): Promise<Bucket> {
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
      const options = s3OptionsOf(parsed, url);
      const { openS3Bucket } = await import('./drivers/s3.ts');
      return openS3Bucket(options);
    }
    case 'obs:': {
      const options = obsOptionsOf(parsed, url, environment);
      const { openObsBucket } = await import('./drivers/obs/obs.ts');
      return openObsBucket(options);
    }
    default:
      throw unusable(url, 'its scheme is not known');
  }
}
