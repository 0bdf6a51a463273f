import { REFUSALS, type Refusal } from './refusal.ts';
import type { Dialect, SignedRequest } from './signature.ts';

/** What requests may be signed with. */
export interface Key {
  readonly secretAccessKey: string;
  /** Comes with every request. */
  readonly sessionToken?: string;
  /** From when on it is refused, by the clock of the store. */
  readonly expiresAt?: Date;
}

/** By access key id. */
export type Keys = ReadonlyMap<string, Key>;

const TOKEN_NAMES = ['x-obs-security-token', 'x-amz-security-token'];

/** The secret access key of a key that holds, and comes with its own token. */
export function secretOf(
  key: Key | undefined,
  token: string | undefined,
  dialect: Dialect,
  now: Date,
): string | Refusal {
  if (!key) return REFUSALS.unknownKey;
  const { secretAccessKey, sessionToken, expiresAt } = key;
  if (expiresAt && expiresAt <= now) return dialect === 's3' ? REFUSALS.expiredToken : REFUSALS.invalidToken;
  return token === sessionToken ? secretAccessKey : REFUSALS.invalidToken;
}

/** In the headers, or in the query, which is not particular about case. */
export function tokenOf({ headers, query }: SignedRequest): string | undefined {
  const inQuery = [...new URLSearchParams(query)].map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  const found = [...Object.entries(headers), ...inQuery].find(([name]) => TOKEN_NAMES.includes(name));
  return found?.[1]?.toString();
}
