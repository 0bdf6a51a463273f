import { RotatingCredentials, createFinder, type CredentialEvent, type Environment } from '@lade/credentials';
import type { Bucket } from './bucket.ts';
import { agencyOf, credentialPlaceOf, unusable } from './bucket-url.ts';
import { folderOf } from './drivers/directory-url.ts';
import { iamOf, obsOptionsOf } from './drivers/obs/obs-url.ts';
import { s3OptionsOf } from './drivers/s3-url.ts';

export interface OpenBucketOptions {
  /**
   * The variables in which credentials, that the URL does not give, may be. Default: an empty one. AWS's chain looks into the environment
   * of the process in any case.
   */
  readonly environment?: Environment;
  readonly tellCredentials?: (event: CredentialEvent) => void;
}

type Cloud = Parameters<typeof createFinder>[0]['cloud'];

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
      const credentials = credentialsOf(parsed, url, 'aws', options);
      const { openS3Bucket } = await import('./drivers/s3.ts');
      return openS3Bucket({ ...place, credentials });
    }
    case 'obs:': {
      const place = obsOptionsOf(parsed, url);
      const credentials = credentialsOf(parsed, url, 'huawei', options);
      const { openObsBucket } = await import('./drivers/obs/obs.ts');
      return openObsBucket({ ...place, credentials });
    }
    default:
      throw unusable(url, 'its scheme is not known');
  }
}

function credentialsOf(
  parsed: URL,
  url: string,
  cloud: Cloud,
  { environment = () => undefined, tellCredentials }: OpenBucketOptions,
): RotatingCredentials {
  const [region, agency, iam] = [parsed.searchParams.get('region'), agencyOf(parsed, url), iamOf(parsed)];
  const find = createFinder({
    cloud,
    environment,
    ...credentialPlaceOf(parsed, url),
    ...(region === null ? {} : { region }),
    ...(agency ? { agency } : {}),
    ...(iam === undefined ? {} : { iam }),
  });
  const location = `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  return new RotatingCredentials(find, { location, ...(tellCredentials ? { tell: tellCredentials } : {}) });
}
