import { redactSecrets } from './redact-secrets.ts';

/** The gRPC status codes, spelled as words: the only failure classes a caller may branch on. */
export type ErrorCode =
  | 'cancelled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

export interface CodedErrorOptions {
  /** What the person who reads the error can do about it, as one imperative sentence. */
  readonly cure?: string;
  /** Plain data for logs and tests; never a credential. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

const BRAND = Symbol.for('lade.coded-error');

/**
 * The one error of this code base. Messages read "Cannot <action> <object>: <state>", without a final period;
 * user names, passwords and query secrets inside URLs are removed on construction.
 */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly cure: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(redactSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.cure = options.cure;
    this.details = options.details ?? {};
  }
}

/** Recognises our error by brand, so that two copies of this module agree. */
export function isCodedError(value: unknown, code?: ErrorCode): value is CodedError {
  return (
    value instanceof Error && BRAND in value && (code === undefined || (value as CodedError).code === code)
  );
}
