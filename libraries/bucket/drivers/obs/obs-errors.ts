import type { IncomingHttpHeaders } from 'node:http';
import { CodedError, fromUnknown, isCodedError, type ErrorCode } from '@lade/errors';
import { clockState } from '../clock-state.ts';
import { NO_STORE_CURE, isWebPage, tlsCure, type Attempt } from '../endpoint-failures.ts';
import { retryAfter } from '../retry-after.ts';
import { textOf } from './xml.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly cure?: string;
}

/** An answer that is an error. */
export interface Refusal {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly xml: string;
}

const ENDPOINT_CURE = 'Correct endpoint and region in the bucket URL';
const WAIT_CURE = 'Wait; the store limits the rate of requests';
const CLOCK_CURE = 'Set the clock of this machine, and keep it set with NTP';
const ACCOUNT_CURE = 'Look after the account of the bucket: it is in arrears, frozen or restricted';
const SESSION_CURE = 'Renew the temporary credentials, and give all three parts of them';
const KMS_CURE = 'Check the key id and the state of the key in the key management service';
const DAMAGE_CURE = 'Look for what damages data on the way to the store, such as a proxy or a network card';

/** By the code of the OBS error. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { code: 'not_found' },
  NoSuchBucket: {
    code: 'failed_precondition',
    cure: 'Create the bucket, or correct its name or the endpoint in the bucket URL',
  },
  AccessDenied: {
    code: 'permission_denied',
    cure: 'Allow get, put, list and delete on the bucket for these credentials',
  },
  InvalidAccessKeyId: { code: 'unauthenticated', cure: 'Check the access key id' },
  SignatureDoesNotMatch: {
    code: 'unauthenticated',
    cure: 'Check the secret access key, and signature and region in the bucket URL',
  },
  InvalidSecurity: { code: 'unauthenticated', cure: SESSION_CURE },
  InvalidToken: { code: 'unauthenticated', cure: SESSION_CURE },
  ExpiredToken: { code: 'unauthenticated', cure: SESSION_CURE },
  RequestTimeTooSkewed: { code: 'failed_precondition', cure: CLOCK_CURE },
  PermanentRedirect: { code: 'invalid_argument', cure: ENDPOINT_CURE },
  TemporaryRedirect: { code: 'invalid_argument', cure: ENDPOINT_CURE },
  AuthorizationHeaderMalformed: { code: 'invalid_argument', cure: ENDPOINT_CURE },
  InArrearOrInsufficientBalance: { code: 'permission_denied', cure: ACCOUNT_CURE },
  AccountProblem: { code: 'permission_denied', cure: ACCOUNT_CURE },
  FrozenUserId: { code: 'permission_denied', cure: ACCOUNT_CURE },
  InvalidObjectState: {
    code: 'failed_precondition',
    cure: 'Restore the object, and let no lifecycle rule archive what Lade keeps',
  },
  InsufficientStorageSpace: { code: 'resource_exhausted', cure: 'Raise the quota of the bucket' },
  BadDigest: { code: 'unavailable', cure: DAMAGE_CURE },
  NoSuchUpload: { code: 'aborted' },
  InvalidPart: { code: 'aborted' },
  NotImplemented: { code: 'unimplemented' },
  RequestTimeout: { code: 'unavailable' },
  InvalidRange: { code: 'out_of_range' },
  SlowDown: { code: 'resource_exhausted', cure: WAIT_CURE },
};

const NO_STORE: Meaning = { code: 'failed_precondition', cure: NO_STORE_CURE };

/** By HTTP status, where the code says nothing. */
const BY_STATUS: Readonly<Record<number, Meaning>> = {
  301: { code: 'invalid_argument', cure: ENDPOINT_CURE },
  302: { code: 'invalid_argument', cure: ENDPOINT_CURE },
  307: { code: 'invalid_argument', cure: ENDPOINT_CURE },
  400: { code: 'invalid_argument' },
  401: { code: 'unauthenticated', cure: 'Check the credentials' },
  403: { code: 'permission_denied', cure: 'Check the credentials and what they may do' },
  404: { code: 'not_found' },
  407: { code: 'unauthenticated', cure: 'Give user and password in the URL of the proxy' },
  409: { code: 'aborted' },
  412: { code: 'failed_precondition' },
  416: { code: 'out_of_range' },
  429: { code: 'resource_exhausted', cure: WAIT_CURE },
  501: { code: 'unimplemented' },
};

/** A refusal as a coded error. The detail `retryAfterMs` is how long the store asks to be left alone. */
export function fromRefusal(refusal: Refusal, attempt: Attempt): CodedError {
  const { status, headers, xml } = refusal;
  const header = (name: string): string => String(headers[`x-obs-${name}`] ?? headers[`x-amz-${name}`] ?? '');
  const name = textOf(xml, 'Code') || header('error-code');
  const isPage = name === '' && xml !== '' && isWebPage(status, headers['content-type']);
  const answer = isPage ? `HTTP ${status} with a web page` : name || `HTTP ${status}`;
  const message = textOf(xml, 'Message') || header('error-message') || `it answered ${answer}`;
  const { code, cure } = isPage ? NO_STORE : meaningOf(name, message, status);
  const clock = code === 'failed_precondition' && cure === CLOCK_CURE ? clockState(headers.date) : undefined;
  const place = cure === ENDPOINT_CURE ? endpointOf(refusal) : undefined;
  return new CodedError(code, attempted(attempt, clock ? `${message}; ${clock.state}` : message), {
    ...(cure === undefined ? {} : { cure: place === undefined ? cure : `${cure}: it is at ${place}` }),
    details: {
      name,
      status,
      requestId: header('request-id'),
      ...retryAfter(headers['retry-after']),
      ...(clock ? { clockBehindMs: clock.behindMs } : {}),
    },
  });
}

function meaningOf(name: string, message: string, status: number): Meaning {
  // What was signed is over by the store's clock, though it was signed just now.
  if (name === 'AccessDenied' && /expired/i.test(message))
    return { code: 'failed_precondition', cure: CLOCK_CURE };
  // So does OBS call a token that is over.
  if (name === 'InvalidAccessKeyId' && /token/i.test(message))
    return { code: 'unauthenticated', cure: SESSION_CURE };
  if (name.startsWith('KMS.')) return { code: 'invalid_argument', cure: KMS_CURE };
  const known = BY_NAME[name] ?? BY_STATUS[status];
  return known ?? { code: status >= 500 ? 'unavailable' : 'invalid_argument' };
}

/** Where a redirection leads, without what it was asked for. */
function endpointOf({ headers, xml }: Refusal): string | undefined {
  return textOf(xml, 'Endpoint') || (URL.parse(headers.location ?? '')?.host ?? undefined);
}

/** What kept a request from being answered, as a coded error; a coded one passes unchanged. */
export function fromFailure(reason: unknown, attempt: Attempt): CodedError {
  if (isCodedError(reason)) return reason;
  const { code, message } = fromUnknown(reason);
  const certificateCure = tlsCure(reason);
  const cure = certificateCure ?? 'Check the endpoint, the proxy and the network';
  const isVague = code === 'unknown' || code === 'not_found';
  const { code: errno } = reason as NodeJS.ErrnoException;
  return new CodedError(isVague ? 'unavailable' : code, attempted(attempt, message || String(errno)), {
    cure,
    cause: reason,
    ...(certificateCure ? { details: { name: 'tls' } } : {}),
  });
}

function attempted({ action, key, location }: Attempt, state: string): string {
  return `Cannot ${action} ${key} in ${location}: ${state}`;
}
