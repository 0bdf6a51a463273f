import { createHash, createHmac } from 'node:crypto';
import { secretOf, tokenOf, type Keys } from './key.ts';
import { REFUSALS, type Refusal } from './refusal.ts';
import type { SignedRequest } from './signature.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60_000;

/** What a signature says about itself, in the Authorization header or the query. */
interface Claim {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly time: string;
  /** Of a signed URL, in seconds. */
  readonly lastsSeconds: number | undefined;
  readonly payloadHash: string;
}

export function isV4({ headers, query }: SignedRequest): boolean {
  return headers.authorization?.startsWith(ALGORITHM) === true || query.includes('X-Amz-Algorithm=');
}

/** AWS Signature Version 4, of the service s3; undefined where it is right. */
export function checkV4(request: SignedRequest, keys: Keys, now: Date): Refusal | undefined {
  const claim = claimOf(request);
  const [key = '', ...scope] = claim.credential.split('/');
  const secret = secretOf(keys.get(key), tokenOf(request), 's3', now);
  if (typeof secret !== 'string') return secret;
  if (expectedSignature(request, claim, secret, scope) !== claim.signature) return REFUSALS.wrongSignature;
  const sent = Date.parse(claim.time.replace(/^(....)(..)(..T..)(..)(..)Z$/, '$1-$2-$3:$4:$5Z'));
  const age = now.getTime() - sent;
  if (claim.lastsSeconds !== undefined && age > claim.lastsSeconds * 1000) return REFUSALS.expired;
  const isSkewed = age < -MAX_SKEW_MS || (claim.lastsSeconds === undefined && age > MAX_SKEW_MS);
  return isSkewed ? REFUSALS.skewed : undefined;
}

function claimOf({ headers, query }: SignedRequest): Claim {
  const parameters = new URLSearchParams(query);
  const { authorization } = headers;
  if (authorization === undefined) {
    return {
      credential: parameters.get('X-Amz-Credential') ?? '',
      signedHeaders: parameters.get('X-Amz-SignedHeaders') ?? '',
      signature: parameters.get('X-Amz-Signature') ?? '',
      time: parameters.get('X-Amz-Date') ?? '',
      lastsSeconds: Number(parameters.get('X-Amz-Expires')),
      payloadHash: 'UNSIGNED-PAYLOAD',
    };
  }
  const field = (name: string): string => new RegExp(`${name}=([^, ]+)`).exec(authorization)?.[1] ?? '';
  return {
    credential: field('Credential'),
    signedHeaders: field('SignedHeaders'),
    signature: field('Signature'),
    time: String(headers['x-amz-date']),
    lastsSeconds: undefined,
    payloadHash: String(headers['x-amz-content-sha256']),
  };
}

function expectedSignature(
  { method, path, query, headers }: SignedRequest,
  { time, signedHeaders, payloadHash }: Claim,
  secret: string,
  scope: readonly string[],
): string {
  const lines = signedHeaders
    .split(';')
    .map((name) => `${name}:${[headers[name] ?? ''].flat().join().trim()}\n`);
  const canonical = [method, path, canonicalQuery(query), lines.join(''), signedHeaders, payloadHash].join(
    '\n',
  );
  const hash = createHash('sha256').update(canonical).digest('hex');
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest();
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, [ALGORITHM, time, scope.join('/'), hash].join('\n')).toString('hex');
}

function canonicalQuery(query: string): string {
  const escaped = (text: string): string =>
    encodeURIComponent(decodeURIComponent(text)).replace(
      /[!*'()]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return query
    .split('&')
    .map((pair) => pair.split('=').map(escaped))
    .filter(([name]) => name !== '' && name !== 'X-Amz-Signature')
    .map(([name, value = '']) => `${name}=${value}`)
    .sort()
    .join('&');
}
