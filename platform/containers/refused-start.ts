import { CodedError, wrapError } from '@lade/errors';

/** What runc says of a program that it cannot execute. */
const NO_PROGRAM =
  /executable file not found|no such file or directory|permission denied|not a directory|exec format error/;

/** Why a process could not be started, as far as whoever asked for it can do something about it. */
export function refusedStart(reason: unknown, what: string): CodedError {
  const error = wrapError(reason, `Cannot start ${what}`);
  if (!NO_PROGRAM.test(error.message)) return error;
  return new CodedError('failed_precondition', error.message, {
    cure: 'Name a program that is in the image and can be executed',
    cause: reason,
  });
}
