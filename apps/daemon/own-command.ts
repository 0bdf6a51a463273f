import type { Command } from '@lade/keeper';

/** What starts this process again as it was started. */
export function ownCommand(): Command {
  const { execPath, execArgv, argv, env } = process;
  return {
    argv: [execPath, ...execArgv, ...argv.slice(1)],
    cwd: process.cwd(),
    env: env as Readonly<Record<string, string>>,
  };
}
