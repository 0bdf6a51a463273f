import { fromUnknown } from '@lade/errors';
import type { ExitCode, Terminal } from './command.ts';
import { findCommand } from './find-command.ts';
import { reportError } from './report-error.ts';

/** Runs `lade ARGUMENTS`: 0 done, 1 failed, 2 wrong usage; 126 and 127 for a program that cannot be started. Errors go to standard error, with their cure. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let run;
  try {
    run = await findCommand(argv);
  } catch (reason) {
    reportError(reason, terminal.stderr);
    return 2;
  }
  try {
    return await run(terminal);
  } catch (reason) {
    reportError(reason, terminal.stderr);
    const { exitStatus } = fromUnknown(reason).details;
    return typeof exitStatus === 'number' ? exitStatus : 1;
  }
}
