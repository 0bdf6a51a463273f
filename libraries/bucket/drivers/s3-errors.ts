import { CodedError, fromUnknown, type ErrorCode } from '@lade/errors';
import { clockState } from './clock-state.ts';
import { NO_STORE_CURE, isWebPage, tlsCure, type Attempt } from './endpoint-failures.ts';
import { retryAfter } from './retry-after.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly cure?: string;
}

/** What the SDK throws: an answer of the store, or a failure to get one. */
type ServiceFailure = NodeJS.ErrnoException & {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
};

const CLOCK_CURE = 'Set the clock of this machine, and keep it set with NTP';
const DAMAGED: Meaning = {
  code: 'unavailable',
  cure: 'Look for what damages data on the way to the store, such as a proxy or a network card',
};

/** By the name of the S3 error. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { code: 'not_found' },
  NotFound: { code: 'not_found' },
  NoSuchBucket: {
    code: 'failed_precondition',
    cure: 'Create the bucket, or correct its name in the bucket URL',
  },
  AccessDenied: {
    code: 'permission_denied',
    cure: 'Allow get, put, list and delete on the bucket for these credentials',
  },
  InvalidAccessKeyId: { code: 'unauthenticated', cure: 'Check the access key id' },
  SignatureDoesNotMatch: { code: 'unauthenticated', cure: 'Check the secret access key' },
  ExpiredToken: { code: 'unauthenticated', cure: 'Renew the session credentials' },
  CredentialsProviderError: {
    code: 'unauthenticated',
    cure: 'Give credentials by AWS_ACCESS_KEY_ID, a profile or a role',
  },
  RequestTimeTooSkewed: { code: 'failed_precondition', cure: CLOCK_CURE },
  PermanentRedirect: { code: 'invalid_argument', cure: 'Correct region and endpoint in the bucket URL' },
  AuthorizationHeaderMalformed: { code: 'invalid_argument', cure: 'Correct the region in the bucket URL' },
  InvalidToken: { code: 'unauthenticated', cure: 'Renew the session credentials' },
  BadDigest: DAMAGED,
  XAmzContentSHA256Mismatch: DAMAGED,
  NoSuchUpload: { code: 'aborted' },
  InvalidPart: { code: 'aborted' },
  NotImplemented: { code: 'unimplemented' },
  RequestTimeout: { code: 'unavailable' },
  InvalidRange: { code: 'out_of_range' },
  PreconditionFailed: { code: 'failed_precondition' },
  ConditionalRequestConflict: { code: 'aborted' },
  SlowDown: { code: 'resource_exhausted', cure: 'Wait; the store limits the rate of requests' },
  TimeoutError: { code: 'deadline_exceeded' },
};

const NO_STORE: Meaning = { code: 'failed_precondition', cure: NO_STORE_CURE };

/** By HTTP status, where the name says nothing. */
const BY_STATUS: Readonly<Record<number, Meaning>> = {
  301: { code: 'invalid_argument', cure: 'Correct region and endpoint in the bucket URL' },
  400: { code: 'invalid_argument' },
  401: { code: 'unauthenticated', cure: 'Check the credentials' },
  403: { code: 'permission_denied', cure: 'Check the credentials and what they may do' },
  404: { code: 'not_found' },
  409: { code: 'aborted' },
  412: { code: 'failed_precondition' },
  416: { code: 'out_of_range' },
  429: { code: 'resource_exhausted', cure: 'Wait; the store limits the rate of requests' },
  501: { code: 'unimplemented' },
  507: { code: 'resource_exhausted', cure: 'Free space in the store' },
};

/**
 * What the SDK threw, as a coded error that names bucket and key; a coded one passes unchanged. The detail `retryAfterMs` is
 * how long the store asks to be left alone.
 */
export function fromS3Error(reason: unknown, { action, key, location, isHead = false }: Attempt): CodedError {
  if (reason instanceof CodedError) return reason;
  const { name, message, $metadata, $response, code: errno } = reason as ServiceFailure;
  const status = $metadata?.httpStatusCode ?? 0;
  const headers = $response?.headers ?? {};
  const isPage = !isHead && isWebPage(status, headers['content-type']);
  const { code, cure } = isPage ? NO_STORE : (BY_NAME[name] ?? BY_STATUS[status] ?? fallback(reason, status));
  const isVague = message === '' || message === 'UnknownError';
  const vague = isPage ? `it answered HTTP ${status} with a web page` : (errno ?? `${name} (HTTP ${status})`);
  const clock = cure === CLOCK_CURE ? clockState(headers['date']) : undefined;
  const state = `${isVague || isPage ? vague : message}${clock ? `; ${clock.state}` : ''}`;
  return new CodedError(code, `Cannot ${action} ${key} in ${location}: ${state}`, {
    ...(cure === undefined ? {} : { cure }),
    details: {
      name,
      status,
      ...retryAfter(headers['retry-after']),
      ...(clock ? { clockBehindMs: clock.behindMs } : {}),
    },
    cause: reason,
  });
}

/** Whether a store may have refused the credentials: what answers a HEAD has no body to say so. */
export function mayBeRefusal(reason: unknown): boolean {
  const { name, $metadata } = reason as ServiceFailure;
  const status = $metadata?.httpStatusCode ?? 0;
  if (name === 'Unknown') return [400, 401, 403].includes(status);
  return (BY_NAME[name] ?? BY_STATUS[status])?.code === 'unauthenticated';
}

function fallback(reason: unknown, status: number): Meaning {
  if (status >= 500) return { code: 'unavailable' };
  const { code } = fromUnknown(reason);
  return {
    code: code === 'unknown' || code === 'not_found' ? 'unavailable' : code,
    cure: tlsCure(reason) ?? 'Check the endpoint, the proxy and the network',
  };
}
