import type { ExitCode, Terminal } from './command.ts';
import { findCommand } from './find-command.ts';
import { reportError } from './report-error.ts';

/** Runs `lade ARGUMENTS`: 0 done, 1 failed, 2 wrong usage. Errors go to standard error, with their cure. */
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
    return 1;
  }
}
