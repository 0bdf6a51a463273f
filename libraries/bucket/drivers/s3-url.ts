import { CREDENTIAL_PARAMETERS, bucketOf, credentialsOf, flagOf, httpUrlOf } from '../bucket-url.ts';
import type { S3Options } from './s3-client.ts';

const PARAMETERS = ['endpoint', 'region', 'path-style', ...CREDENTIAL_PARAMETERS];

/** s3://bucket/prefix?endpoint=…&region=…&path-style=true */
export function s3OptionsOf(parsed: URL, url: string): S3Options {
  const place = bucketOf(parsed, url, PARAMETERS);
  const endpoint = httpUrlOf(parsed, 'endpoint', url);
  const region = parsed.searchParams.get('region');
  const credentials = credentialsOf(parsed, url);
  return {
    ...place,
    pathStyle: flagOf(parsed, 'path-style', url),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...(credentials ? { credentials: async () => credentials } : {}),
  };
}
