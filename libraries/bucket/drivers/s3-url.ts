import {
  CREDENTIAL_PARAMETERS,
  bucketOf,
  connectionsOf,
  encryptionOf,
  flagOf,
  httpUrlOf,
  oneOf,
} from '../bucket-url.ts';
import type { S3Options } from './s3-client.ts';

const PARAMETERS = [
  'endpoint',
  'region',
  'path-style',
  'max-connections',
  'proxy',
  'storage-class',
  'encryption',
  'kms-key-id',
  ...CREDENTIAL_PARAMETERS,
];

/** Those whose objects can be read at once. */
const STORAGE_CLASSES = [
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'REDUCED_REDUNDANCY',
] as const;

/** s3://bucket/prefix?endpoint=…&region=…&path-style=true, and the parameters above. */
export function s3OptionsOf(parsed: URL, url: string): Omit<S3Options, 'credentials' | 'traffic'> {
  const place = bucketOf(parsed, url, PARAMETERS);
  const endpoint = httpUrlOf(parsed, 'endpoint', url);
  const region = parsed.searchParams.get('region');
  const proxy = httpUrlOf(parsed, 'proxy', url);
  const storageClass = oneOf(parsed, 'storage-class', STORAGE_CLASSES, url);
  const encryption = encryptionOf(parsed, 's3', url);
  return {
    ...place,
    ...connectionsOf(parsed, url),
    pathStyle: flagOf(parsed, 'path-style', url),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(encryption ? { encryption } : {}),
  };
}
