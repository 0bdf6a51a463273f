import {
  CREDENTIAL_PARAMETERS,
  bucketOf,
  connectionsOf,
  encryptionOf,
  flagOf,
  httpUrlOf,
  oneOf,
  unusable,
} from '../../bucket-url.ts';
import { STORAGE_CLASSES, type ObsOptions, type ObsSignature, type ObsStyle } from './obs-options.ts';

const PARAMETERS = [
  'endpoint',
  'region',
  'signature',
  'path-style',
  'custom-domain',
  'proxy',
  'max-connections',
  'storage-class',
  'encryption',
  'kms-key-id',
  'agency',
  'agency-domain',
  ...CREDENTIAL_PARAMETERS,
];

/** obs://bucket/prefix?endpoint=…, and the parameters above. */
export function obsOptionsOf(parsed: URL, url: string): Omit<ObsOptions, 'credentials' | 'traffic'> {
  const place = bucketOf(parsed, url, PARAMETERS);
  const { searchParams } = parsed;
  const endpoint = endpointOf(parsed, url);
  const style = styleOf(parsed, url, endpoint);
  const proxy = httpUrlOf(parsed, 'proxy', url);
  const storageClass = oneOf(parsed, 'storage-class', Object.keys(STORAGE_CLASSES), url);
  const encryption = encryptionOf(parsed, 'obs', url);
  return {
    ...place,
    ...connectionsOf(parsed, url),
    endpoint: endpoint.origin,
    style,
    signature: signatureOf(parsed, url, style),
    region: searchParams.get('region') ?? regionIn(endpoint.hostname),
    ...(proxy === undefined ? {} : { proxy }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(encryption ? { encryption } : {}),
  };
}

/** The region's own one where only that is named. */
function endpointOf(parsed: URL, url: string): URL {
  const region = parsed.searchParams.get('region');
  const given = httpUrlOf(parsed, 'endpoint', url);
  if (given === undefined && region === null) throw unusable(url, 'it has neither endpoint nor region');
  if (given === undefined && !/^[\w-]+$/.test(region ?? '')) throw unusable(url, 'its region is none');
  const endpoint = new URL(given ?? `https://obs.${region}.myhuaweicloud.com`);
  if (endpoint.pathname !== '/' || endpoint.search !== '' || endpoint.username !== '')
    throw unusable(url, 'its endpoint has more than a scheme, a host and a port');
  if (endpoint.hostname.startsWith('['))
    throw unusable(url, 'its endpoint is an IPv6 address; give it a name');
  return endpoint;
}

/** Where the service's region has its IAM; undefined where the endpoint does not tell. */
export function iamOf({ searchParams }: URL): string | undefined {
  const host = URL.parse(searchParams.get('endpoint') ?? '')?.hostname;
  const region = /^obs\.([\w-]+)\.myhuaweicloud\.com$/.exec(host ?? '')?.[1] ?? searchParams.get('region');
  return region !== null && /^[\w-]+$/.test(region) ? `https://iam.${region}.myhuaweicloud.com` : undefined;
}

/** obs.<region>.myhuaweicloud.com, and its like. */
function regionIn(hostname: string): string {
  return /^obs\.([\w-]+)\./.exec(hostname)?.[1] ?? 'us-east-1';
}

function styleOf(parsed: URL, url: string, endpoint: URL): ObsStyle {
  const isPath = flagOf(parsed, 'path-style', url);
  const isDomain = flagOf(parsed, 'custom-domain', url);
  if (isPath && isDomain) throw unusable(url, 'path-style and custom-domain exclude each other');
  if (isDomain) return 'domain';
  return isPath || /^\d+\.\d+\.\d+\.\d+$/.test(endpoint.hostname) ? 'path' : 'host';
}

/** OBS's own one is for hosts that are named after the bucket only. */
function signatureOf(parsed: URL, url: string, style: ObsStyle): ObsSignature {
  const known = ['obs', 'v2', 'v4'] as const;
  const given = oneOf(parsed, 'signature', known, url);
  if (given === 'obs' && style !== 'host')
    throw unusable(url, 'signature=obs needs the bucket in the name of the host; take v2 or v4');
  return given ?? (style === 'host' ? 'obs' : 'v2');
}
