import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { secretOf, tokenOf, type Keys } from './key.ts';
import { REFUSALS, type Refusal } from './refusal.ts';
import { checkV4, isV4 } from './signature-v4.ts';

/** A request as it came, with what it asks for found out. */
export interface SignedRequest {
  readonly method: string;
  /** As sent: escaped, without the query. */
  readonly path: string;
  /** As sent. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** What is signed of the place: "/bucket/key", escaped as sent. */
  readonly resource: string;
}

/** How headers are called and requests are signed: OBS's own way, and S3's ways with the names of S3. */
export type Dialect = 'obs' | 's3';

const MAX_SKEW_MS = 15 * 60_000;

const SCHEMES = {
  obs: { word: 'OBS', prefix: 'x-obs-', keyParameter: 'AccessKeyId' },
  s3: { word: 'AWS', prefix: 'x-amz-', keyParameter: 'AWSAccessKeyId' },
} as const;

/** Query parameters that name a part of a resource, and are signed therefore. */
const SUB_RESOURCES = new Set(
  `acl append attname backtosource cors customdomain delete deletebucket directcoldaccess encryption inventory length
  lifecycle location logging metadata modify name notification object-lock partNumber policy position quota rename
  replication response-cache-control response-content-disposition response-content-encoding response-content-language
  response-content-type response-expires restore retention storageClass storagePolicy storageinfo tagging torrent
  truncate uploadId uploads versionId versioning versions website x-image-process x-image-save-bucket
  x-image-save-object`.split(/\s+/),
);

/** Checks who sent a request, by its Authorization header or its query. */
export function checkSignature(request: SignedRequest, keys: Keys, now: Date): Dialect | Refusal {
  if (isV4(request)) return checkV4(request, keys, now) ?? 's3';
  const parameters = new URLSearchParams(request.query);
  const [, word, headerKey, headerSignature] =
    /^(OBS|AWS) ([^:]+):(.+)$/.exec(request.headers.authorization ?? '') ?? [];
  const dialect = word === 'AWS' || parameters.has(SCHEMES.s3.keyParameter) ? 's3' : 'obs';
  const key = headerKey ?? parameters.get(SCHEMES[dialect].keyParameter);
  const signature = headerSignature ?? parameters.get('Signature');
  if (key === null || signature === null) return REFUSALS.accessDenied;
  const secret = secretOf(keys.get(key), tokenOf(request), dialect, now);
  if (typeof secret !== 'string') return secret;
  const time = headerKey === undefined ? (parameters.get('Expires') ?? '') : dateOf(request, dialect);
  const expected = createHmac('sha1', secret)
    .update(stringToSign(request, dialect, time))
    .digest('base64');
  if (expected !== signature) return REFUSALS.wrongSignature;
  if (headerKey === undefined) return Number(time) * 1000 < now.getTime() ? REFUSALS.expired : dialect;
  const sent = Date.parse(time || String(request.headers[`${SCHEMES[dialect].prefix}date`]));
  return Math.abs(sent - now.getTime()) > MAX_SKEW_MS ? REFUSALS.skewed : dialect;
}

/** Empty where the header of the dialect says it, which is signed with the others. */
function dateOf({ headers }: SignedRequest, dialect: Dialect): string {
  return headers[`${SCHEMES[dialect].prefix}date`] === undefined ? (headers.date ?? '') : '';
}

function stringToSign(request: SignedRequest, dialect: Dialect, time: string): string {
  const { method, headers } = request;
  const { prefix } = SCHEMES[dialect];
  const own = Object.entries(headers)
    .filter(([name]) => name.startsWith(prefix))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${[value].flat().join(',').trim()}\n`);
  const { 'content-md5': md5 = '', 'content-type': type = '' } = headers;
  return `${method}\n${[md5].flat().join()}\n${type}\n${time}\n${own.join('')}${canonicalResource(request, prefix)}`;
}

function canonicalResource({ resource, query }: SignedRequest, prefix: string): string {
  const signed = query
    .split('&')
    .map((pair) => pair.split('=').map(decodeURIComponent))
    .filter(([name = '']) => SUB_RESOURCES.has(name) || name.startsWith(prefix))
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    .map(([name, value = '']) => (value === '' ? name : `${name}=${value}`));
  return signed.length === 0 ? resource : `${resource}?${signed.join('&')}`;
}
