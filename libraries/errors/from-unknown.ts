import { CodedError, isCodedError, type CodedErrorOptions, type ErrorCode } from './coded-error.ts';

/** errno(3) names as Node reports them in `error.code`. */
const ERRNO_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not_found',
  ENXIO: 'not_found',
  ENODEV: 'not_found',
  EEXIST: 'already_exists',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  EROFS: 'permission_denied',
  EBUSY: 'failed_precondition',
  ENOTEMPTY: 'failed_precondition',
  ENOTDIR: 'failed_precondition',
  EISDIR: 'failed_precondition',
  EINVAL: 'invalid_argument',
  ENAMETOOLONG: 'invalid_argument',
  ENOSPC: 'resource_exhausted',
  EDQUOT: 'resource_exhausted',
  EMFILE: 'resource_exhausted',
  ENFILE: 'resource_exhausted',
  ENOMEM: 'resource_exhausted',
  ENOSYS: 'unimplemented',
  EOPNOTSUPP: 'unimplemented',
  ENOTSUP: 'unimplemented',
  EIO: 'data_loss',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EPIPE: 'unavailable',
  ENOTFOUND: 'unavailable',
  EAI_AGAIN: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETUNREACH: 'unavailable',
  ETIMEDOUT: 'deadline_exceeded',
};

/** What to do where every occurrence asks for the same. */
const ERRNO_CURES: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space on the disk, and try again',
  EDQUOT: 'Free space within the quota, and try again',
  EROFS: 'Make the file system writable, or choose another place',
  EMFILE: 'Raise the limit of open files',
  ENFILE: 'Raise the limit of open files',
};

/** The class of an errno name such as `ENOENT`; `unknown` for one that has no entry. */
export function codeFromErrno(errno: string): ErrorCode {
  return ERRNO_CODES[errno] ?? 'unknown';
}

/** The class of anything that can be thrown, without wrapping it. */
export function codeOf(reason: unknown): ErrorCode {
  if (isCodedError(reason)) return reason.code;
  if (!(reason instanceof Error)) return 'unknown';
  if (reason.name === 'AbortError') return 'cancelled';
  if (reason.name === 'TimeoutError') return 'deadline_exceeded';
  const { code } = reason as NodeJS.ErrnoException;
  return typeof code === 'string' ? codeFromErrno(code) : 'unknown';
}

/** The funnel: whatever was thrown, as a coded error. One that is coded already passes unchanged. */
export function fromUnknown(reason: unknown): CodedError {
  if (isCodedError(reason)) return reason;
  const message = reason instanceof Error ? reason.message : String(reason);
  const cure =
    reason instanceof Error ? ERRNO_CURES[(reason as NodeJS.ErrnoException).code ?? ''] : undefined;
  return new CodedError(codeOf(reason), message, { cause: reason, ...(cure === undefined ? {} : { cure }) });
}

/**
 * Adds what was attempted to a failure and keeps its class: `wrapError(e, 'Cannot read index of sha256:…')`
 * gives "Cannot read index of sha256:…: <message of e>". The inner cure is kept unless a new one is given.
 */
export function wrapError(reason: unknown, attempted: string, options: CodedErrorOptions = {}): CodedError {
  const inner = fromUnknown(reason);
  const cure = options.cure ?? inner.cure;
  return new CodedError(inner.code, `${attempted}: ${inner.message}`, {
    ...(cure === undefined ? {} : { cure }),
    details: { ...inner.details, ...options.details },
    cause: reason,
  });
}
