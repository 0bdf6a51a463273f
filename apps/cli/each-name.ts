import { encodeError } from '@lade/control-protocol';
import type { ExitCode, Terminal } from './command.ts';
import { printable } from './printable.ts';
import { reportError } from './report-error.ts';
import { writeJson } from './write-json.ts';

interface EachOptions {
  readonly json: boolean | undefined;
  readonly terminal: Terminal;
  /** Behind the name, when it is done. */
  readonly done?: string;
}

/** Does it with one name after the other, also after one that fails; then the exit code is 1. */
export async function withEachName(
  names: readonly string[],
  { json, terminal: { stdout, stderr }, done = '' }: EachOptions,
  act: (name: string) => Promise<void>,
): Promise<ExitCode> {
  const results: object[] = [];
  let code: ExitCode = 0;
  for (const name of names) {
    try {
      await act(name);
      results.push({ name, done: true });
      if (!json) stdout.write(`${printable(name)}${done}\n`);
    } catch (reason) {
      code = 1;
      results.push({ name, done: false, error: encodeError(reason) });
      reportError(reason, stderr);
    }
  }
  if (json) writeJson(stdout, results);
  return code;
}
