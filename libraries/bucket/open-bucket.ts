import { isAbsolute } from 'node:path';
import { CodedError } from '@lade/errors';
import type { Bucket } from './bucket.ts';
import type { S3Options } from './drivers/s3.ts';

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
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  switch (parsed?.protocol) {
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
  const folder = decodeURIComponent(parsed.pathname);
  if (parsed.host !== '' || !isAbsolute(folder) || folder === '/') throw unusable(url, 'it names no folder');
  return folder;
}

function s3OptionsOf({ host, pathname, searchParams }: URL, url: string): S3Options {
  const unknown = [...searchParams.keys()].find((name) => !S3_PARAMETERS.includes(name));
  if (unknown !== undefined)
    throw unusable(url, `${unknown} is no parameter (known: ${S3_PARAMETERS.join(', ')})`);
  if (host === '') throw unusable(url, 'it names no bucket');
  const prefix = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '');
  const endpoint = searchParams.get('endpoint');
  const region = searchParams.get('region');
  const credentials = credentialsOf(searchParams, url);
  return {
    bucket: host,
    prefix: prefix === '' ? '' : `${prefix}/`,
    pathStyle: searchParams.get('path-style') === 'true',
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...(credentials ? { credentials } : {}),
  };
}

function credentialsOf(parameters: URLSearchParams, url: string): S3Options['credentials'] {
  const accessKeyId = parameters.get('access-key-id');
  const secretAccessKey = parameters.get('secret-access-key');
  const sessionToken = parameters.get('session-token');
  if (accessKeyId === null && secretAccessKey === null) return undefined;
  if (!accessKeyId || !secretAccessKey)
    throw unusable(url, 'access-key-id and secret-access-key go together');
  return { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) };
}

function unusable(url: string, why: string): CodedError {
  return new CodedError('invalid_argument', `Cannot use bucket URL ${url}: ${why}`, {
    cure: `Give ${FORMS}`,
  });
}
