import { CodedError, isCodedError } from '@lade/errors';

/** What the kernel says of a path whose entry has become another kind of entry since it was looked at. */
const REPLACED = ['ELOOP', 'ENOTDIR', 'ENXIO', 'EINVAL'];

/** What `look` finds, or undefined when the entry has vanished. Throws `aborted` when something else has come in its place. */
export function present<T>(path: string, look: () => T): T | undefined {
  try {
    return look();
  } catch (reason) {
    const errno = errnoOf(reason);
    if (errno === 'ENOENT') return undefined;
    throw errno !== undefined && REPLACED.includes(errno)
      ? changed(path, 'something else is in its place')
      : reason;
  }
}

/** An entry that cannot be read to its end as what it was at first. `path` is a byte string. */
export function changed(path: string, how: string): CodedError {
  return new CodedError('aborted', `Cannot read ${quote(path)}: ${how} meanwhile`, {
    cure: 'Pause the container, and try again',
  });
}

/** A byte string as people read it. */
export function quote(path: string): string {
  return JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'));
}

function errnoOf(reason: unknown): string | undefined {
  const errno = isCodedError(reason) ? reason.details['errno'] : (reason as NodeJS.ErrnoException).code;
  return typeof errno === 'string' ? errno : undefined;
}
