import { CodedError, fromUnknown, type ErrorCode } from '@lade/errors';

/** An error as it travels: without cause, stack, or other details. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure?: string;
  /** Of a program that could not be started, as a shell has it: 127 where there is none, 126 where it cannot be executed. */
  readonly exitStatus?: number;
}

export function encodeError(reason: unknown): WireError {
  const { code, message, cure, details } = fromUnknown(reason);
  const { exitStatus } = details;
  return {
    code,
    message,
    ...(cure === undefined ? {} : { cure }),
    ...(typeof exitStatus === 'number' ? { exitStatus } : {}),
  };
}

/** The error that a peer has sent; `unknown` for anything that is none. */
export function decodeError(value: unknown): CodedError {
  const { code, message, cure, exitStatus } = (value ?? {}) as Partial<WireError>;
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new CodedError(
      'unknown',
      'Cannot tell what failed: the daemon sent an error without code or message',
    );
  }
  return new CodedError(code, message, {
    ...(typeof cure === 'string' ? { cure } : {}),
    ...(typeof exitStatus === 'number' ? { details: { exitStatus } } : {}),
  });
}
