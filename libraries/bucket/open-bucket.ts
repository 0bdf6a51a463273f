import { resolve } from 'node:path';
import { CodedError } from '@lade/errors';
import type { Bucket } from './bucket.ts';
import type { S3Options } from './drivers/s3-client.ts';
import { checkKey } from './object-key.ts';

const FORMS = 'file:///folder, s3://bucket/prefix?endpoint=…&region=…&path-style=true, or memory:';
const S3_PARAMETERS = [
  'endpoint',
  'region',
  'path-style',
  'access-key-id',
  'secret-access-key',
  'session-token',
];

/** Opens the bucket that `url` names (docs/reference/bucket.md). Throws `invalid_argument` for a URL it cannot read. */
export async function openBucket(url: string): Promise<Bucket> {
  const parsed = URL.parse(url);
  if (!parsed) throw unusable(url, 'it is none');
  switch (parsed.protocol) {
    case 'file:': {
      const { openDirectoryBucket } = await import('./drivers/directory.ts');
      return openDirectoryBucket(folderOf(parsed, url));
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
    default:
      throw unusable(url, 'its scheme is not known');
  }
}

function folderOf(parsed: URL, url: string): string {
  const folder = decoded(parsed.pathname, url);
  if (parsed.search !== '' || parsed.hash !== '')
    throw unusable(url, 'it has parameters; write ? as %3F and # as %23');
  if (parsed.host !== '' || resolve(folder) === '/') throw unusable(url, 'it names no folder');
  return resolve(folder);
}

function s3OptionsOf({ host, pathname, searchParams, username, hash }: URL, url: string): S3Options {
  const unknown = [...searchParams.keys()].find((name) => !S3_PARAMETERS.includes(name));
  if (unknown !== undefined)
    throw unusable(url, `${unknown} is no parameter (known: ${S3_PARAMETERS.join(', ')})`);
  if (username !== '') throw unusable(url, 'credentials belong into access-key-id and secret-access-key');
  if (hash !== '') throw unusable(url, 'a # in the prefix is written %23');
  if (!/^[\w.-]+$/.test(host)) throw unusable(url, 'it names no bucket');
  const endpoint = searchParams.get('endpoint');
  if (endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    throw unusable(url, 'its endpoint is no http or https URL');
  const region = searchParams.get('region');
  const credentials = credentialsOf(searchParams, url);
  return {
    bucket: host,
    prefix: prefixOf(pathname, url),
    pathStyle: flagOf(searchParams, 'path-style', url),
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...(credentials ? { credentials } : {}),
  };
}

/** '' or a path that ends in a slash. */
function prefixOf(pathname: string, url: string): string {
  const prefix = decoded(pathname, url).replace(/^\/+|\/+$/g, '');
  if (prefix === '') return '';
  checkKey(prefix);
  return `${prefix}/`;
}

function flagOf(parameters: URLSearchParams, name: string, url: string): boolean {
  const value = parameters.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false') throw unusable(url, `${name} is neither true nor false`);
  return value === 'true';
}

function credentialsOf(parameters: URLSearchParams, url: string): S3Options['credentials'] {
  const accessKeyId = parameters.get('access-key-id');
  const secretAccessKey = parameters.get('secret-access-key');
  const sessionToken = parameters.get('session-token');
  if (accessKeyId === null && secretAccessKey === null && sessionToken === null) return undefined;
  if (!accessKeyId || !secretAccessKey)
    throw unusable(url, 'access-key-id and secret-access-key go together');
  return { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) };
}

function decoded(pathname: string, url: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw unusable(url, 'a % in it is no escape; write it as %25');
  }
}

function unusable(url: string, why: string): CodedError {
  return new CodedError('invalid_argument', `Cannot use bucket URL ${url}: ${why}`, {
    cure: `Give ${FORMS}`,
  });
}
