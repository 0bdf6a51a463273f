import { CodedError } from '@lade/errors';
import type { Credentials } from './credentials.ts';
import { checkKey } from './object-key.ts';

const FORMS =
  'file:///folder, s3://bucket/prefix?endpoint=…&region=…&path-style=true, obs://bucket/prefix?endpoint=…, or memory:';

/** Why a URL names no bucket: `invalid_argument`. */
export function unusable(url: string, why: string): CodedError {
  return new CodedError('invalid_argument', `Cannot use bucket URL ${url}: ${why}`, {
    cure: `Give ${FORMS}`,
  });
}

export function decodedPath({ pathname }: URL, url: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw unusable(url, 'a % in it is no escape; write it as %25');
  }
}

/** Bucket and prefix ('' or a path that ends in a slash) of scheme://bucket/prefix?parameters, all of them known. */
export function bucketOf(
  parsed: URL,
  url: string,
  parameters: readonly string[],
): { readonly bucket: string; readonly prefix: string } {
  const unknown = [...parsed.searchParams.keys()].find((name) => !parameters.includes(name));
  if (unknown !== undefined)
    throw unusable(url, `${unknown} is no parameter (known: ${parameters.join(', ')})`);
  if (parsed.username !== '')
    throw unusable(url, 'credentials belong into access-key-id and secret-access-key');
  if (parsed.hash !== '') throw unusable(url, 'a # in the prefix is written %23');
  if (!/^[\w.-]+$/.test(parsed.host)) throw unusable(url, 'it names no bucket');
  const prefix = decodedPath(parsed, url).replace(/^\/+|\/+$/g, '');
  if (prefix !== '') checkKey(prefix);
  return { bucket: parsed.host, prefix: prefix === '' ? '' : `${prefix}/` };
}

/** A parameter that is an http or https URL; undefined without one. */
export function httpUrlOf({ searchParams }: URL, name: string, url: string): string | undefined {
  const value = searchParams.get(name);
  if (value === null) return undefined;
  if (!/^https?:$/.test(URL.parse(value)?.protocol ?? ''))
    throw unusable(url, `its ${name} is no http or https URL`);
  return value;
}

export function flagOf({ searchParams }: URL, name: string, url: string): boolean {
  const value = searchParams.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false') throw unusable(url, `${name} is neither true nor false`);
  return value === 'true';
}

export const CREDENTIAL_PARAMETERS = ['access-key-id', 'secret-access-key', 'session-token'];

/** Credentials that the URL itself gives; undefined without them. */
export function credentialsOf({ searchParams }: URL, url: string): Credentials | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = CREDENTIAL_PARAMETERS.map((name) =>
    searchParams.get(name),
  );
  if (accessKeyId === null && secretAccessKey === null && sessionToken === null) return undefined;
  if (!accessKeyId || !secretAccessKey)
    throw unusable(url, 'access-key-id and secret-access-key go together');
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}
