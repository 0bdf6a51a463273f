import { CodedError } from '@lade/errors';
import type { Agency, Credentials } from '@lade/credentials';
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

/** `max-connections`; empty where the URL does not say. */
export function connectionsOf({ searchParams }: URL, url: string): { readonly maxConnections?: number } {
  const value = searchParams.get('max-connections');
  if (value === null) return {};
  if (!/^[1-9]\d{0,4}$/.test(value)) throw unusable(url, 'its max-connections is no number from 1 to 99999');
  return { maxConnections: Number(value) };
}

/** The value of a parameter that has but a few; undefined without one. */
export function oneOf<T extends string>(
  { searchParams }: URL,
  name: string,
  known: readonly T[],
  url: string,
): T | undefined {
  const value = searchParams.get(name);
  if (value === null) return undefined;
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw unusable(url, `${name} is none of ${known.join(', ')}`);
  return found;
}

/** With a key of the key management service (the default one without an id), or of the store itself. */
export type Encryption = { readonly by: 'kms'; readonly keyId?: string } | { readonly by: 'store' };

/** What the URL says of encryption, in which the store itself goes by the name `store`. */
export function encryptionOf(parsed: URL, store: string, url: string): Encryption | undefined {
  const by = oneOf(parsed, 'encryption', ['kms', store], url);
  const keyId = parsed.searchParams.get('kms-key-id');
  if (keyId !== null && by !== 'kms') throw unusable(url, 'kms-key-id goes with encryption=kms');
  if (by !== 'kms') return by === undefined ? undefined : { by: 'store' };
  return keyId === null ? { by } : { by, keyId };
}

const GIVEN = ['access-key-id', 'secret-access-key', 'session-token'] as const;

export const CREDENTIAL_PARAMETERS = [...GIVEN, 'credentials-file', 'credentials-command'];

/** Where the URL says that credentials are; empty where it says nothing. */
interface CredentialPlace {
  readonly given?: Credentials;
  readonly file?: string;
  readonly command?: string;
}

export function credentialPlaceOf(parsed: URL, url: string): CredentialPlace {
  const given = givenCredentials(parsed, url);
  const [file, command] = ['credentials-file', 'credentials-command'].map((name) =>
    parsed.searchParams.get(name),
  );
  const places = {
    ...(given ? { given } : {}),
    ...(file ? { file } : {}),
    ...(command ? { command } : {}),
  };
  if (Object.keys(places).length > 1)
    throw unusable(url, 'credentials are in one place: the URL, credentials-file or credentials-command');
  return places;
}

/** An agency of Huawei Cloud to act for; undefined without one. */
export function agencyOf({ searchParams }: URL, url: string): Agency | undefined {
  const [name, domain] = [searchParams.get('agency'), searchParams.get('agency-domain')];
  if (name === null && domain === null) return undefined;
  if (!name || !domain) throw unusable(url, 'agency and agency-domain go together');
  return { name, domain };
}

function givenCredentials({ searchParams }: URL, url: string): Credentials | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = GIVEN.map((name) => searchParams.get(name));
  if (accessKeyId === null && secretAccessKey === null && sessionToken === null) return undefined;
  if (!accessKeyId || !secretAccessKey)
    throw unusable(url, 'access-key-id and secret-access-key go together');
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}
