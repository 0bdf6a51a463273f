import { CodedError, wrapError } from '@lade/errors';

/** What runc says of a program that it cannot execute, by the exit status that a shell has for it. */
const NO_PROGRAM: readonly (readonly [exitStatus: number, says: RegExp])[] = [
  [127, /\bexec:? .*(?:executable file not found|no such file or directory)/s],
  [126, /\bexec:? .*(?:permission denied|not a directory|is a directory|exec format error)/s],
];

/** Why a process could not be started, as far as whoever asked for it can do something about it. */
export function refusedStart(reason: unknown, what: string): CodedError {
  const error = wrapError(reason, `Cannot start ${what}`);
  const [exitStatus] = NO_PROGRAM.find(([, says]) => says.test(error.message)) ?? [];
  if (exitStatus === undefined) return error;
  return new CodedError('failed_precondition', error.message, {
    cure: 'Name a program that is in the image and can be executed',
    details: { exitStatus },
    cause: reason,
  });
}
