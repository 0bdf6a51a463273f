import { CREDENTIAL_PARAMETERS, bucketOf, connectionsOf, flagOf, httpUrlOf } from '../bucket-url.ts';
import type { S3Options } from './s3-client.ts';

const PARAMETERS = ['endpoint', 'region', 'path-style', 'max-connections', ...CREDENTIAL_PARAMETERS];

/** s3://bucket/prefix?endpoint=…&region=…&path-style=true */
export function s3OptionsOf(parsed: URL, url: string): Omit<S3Options, 'credentials' | 'traffic'> {
  const place = bucketOf(parsed, url, PARAMETERS);
  const endpoint = httpUrlOf(parsed, 'endpoint', url);
  const region = parsed.searchParams.get('region');
  return {
    ...place,
    ...connectionsOf(parsed, url),
    pathStyle: flagOf(parsed, 'path-style', url),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
  };
}
