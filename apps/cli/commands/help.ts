import type { Command, ExitCode, Terminal } from '../command.ts';

const EXPLANATION = `Lade runs containers straight from a bucket.

Every command that reads takes --json. --address SOCKET names the daemon; else LADE_ADDRESS, else /run/lade/lade.sock.
Exit codes: 0 done, 1 failed, 2 wrong usage.
`;

/** Prints how `commands` are used. */
export function explain(commands: readonly Command[]): (terminal: Terminal) => Promise<ExitCode> {
  const entries = commands.map(({ usage, summary }) => `  lade ${usage}\n      ${summary}\n`);
  return async ({ stdout }) => {
    stdout.write(commands.length === 1 ? entries.join('') : `${EXPLANATION}\n${entries.join('')}`);
    return 0;
  };
}
