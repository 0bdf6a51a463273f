import { CodedError } from '@lade/errors';
import type { Credentials } from './credentials.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The names that AWS's credential_process and Huawei Cloud's metadata service and IAM give to the same things. */
const NAMES = {
  accessKeyId: ['AccessKeyId', 'access'],
  secretAccessKey: ['SecretAccessKey', 'secret'],
  sessionToken: ['SessionToken', 'Token', 'securitytoken'],
  expiresAt: ['Expiration', 'expires_at'],
} as const;

/**
 * Credentials from a JSON object, or from the one in its `credential`. Throws `unauthenticated` that says what is
 * missing in `place`, and never shows what is there.
 */
export function parseCredentials(text: string, place: string): Credentials {
  const fields = fieldsOf(text, place);
  const [accessKeyId, secretAccessKey, sessionToken, expires] = (
    ['accessKeyId', 'secretAccessKey', 'sessionToken', 'expiresAt'] as const
  ).map((name) => textOf(fields, NAMES[name]));
  if (!accessKeyId || !secretAccessKey) {
    const lacking = accessKeyId ? NAMES.secretAccessKey : NAMES.accessKeyId;
    throw unusable(place, `it has no ${lacking.join(' or ')}`);
  }
  const expiresAt = expires === undefined ? undefined : new Date(expires);
  if (expiresAt && Number.isNaN(expiresAt.getTime())) throw unusable(place, 'its expiration is no date');
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken ? { sessionToken } : {}),
    ...(expiresAt ? { expiresAt } : {}),
  };
}

/** `unauthenticated`: a place that should have credentials has none. */
export function unusable(place: string, why: string, cause?: unknown): CodedError {
  return new CodedError('unauthenticated', `Cannot use credentials of ${place}: ${why}`, {
    cause,
    cure: 'Put them right there, or name another place in the bucket URL (docs/reference/credentials.md)',
  });
}

function fieldsOf(text: string, place: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unusable(place, 'it is no JSON');
  }
  const inner = isFields(value) && isFields(value['credential']) ? value['credential'] : value;
  if (!isFields(inner)) throw unusable(place, 'it is no JSON object');
  return inner;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(fields: Fields, names: readonly string[]): string | undefined {
  const found = names.map((name) => fields[name]).find((value) => typeof value === 'string' && value !== '');
  return found as string | undefined;
}
