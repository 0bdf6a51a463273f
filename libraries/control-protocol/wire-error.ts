import { CodedError, fromUnknown, type ErrorCode } from '@lade/errors';

/** An error as it travels: without details, cause or stack. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure?: string;
}

export function encodeError(reason: unknown): WireError {
  const { code, message, cure } = fromUnknown(reason);
  return cure === undefined ? { code, message } : { code, message, cure };
}

/** The error that a peer has sent; `unknown` for anything that is none. */
export function decodeError(value: unknown): CodedError {
  const { code, message, cure } = (value ?? {}) as Partial<WireError>;
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new CodedError(
      'unknown',
      'Cannot tell what failed: the daemon sent an error without code or message',
    );
  }
  return new CodedError(code, message, typeof cure === 'string' ? { cure } : {});
}
