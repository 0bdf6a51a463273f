import type { WireError } from '@lade/control-protocol';

/** What a call of the API failed with: an error of the daemon, or `unavailable` when none was reached. */
export class ApiError extends Error {
  readonly code: WireError['code'];
  readonly cure: string | undefined;

  constructor({ code, message, cure }: WireError) {
    super(message);
    this.code = code;
    this.cure = cure;
  }
}

/** Whether a call ended because the page had no more use for it. */
export function isAbort(reason: unknown): boolean {
  return (reason as Partial<Error> | undefined)?.name === 'AbortError';
}

export function toApiError(reason: unknown): ApiError {
  if (reason instanceof ApiError) return reason;
  if (reason instanceof TypeError) return unreachable();
  return new ApiError({
    code: 'unknown',
    message: reason instanceof Error ? reason.message : String(reason),
  });
}

/** The error of an answer's body, whatever that is. */
export function errorOfAnswer(status: number, body: unknown): ApiError {
  const error = (body as { readonly error?: Partial<WireError> } | undefined)?.error;
  if (typeof error?.code === 'string' && typeof error.message === 'string')
    return new ApiError(error as WireError);
  return new ApiError({ code: 'unknown', message: `HTTP ${status}` });
}

function unreachable(): ApiError {
  return new ApiError({ code: 'unavailable', message: 'Cannot reach the daemon' });
}
