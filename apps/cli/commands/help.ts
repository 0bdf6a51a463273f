import type { Command, ExitCode, Option, Terminal } from '../command.ts';

type Run = (terminal: Terminal) => Promise<ExitCode>;

/** What belongs together, under its title. */
export type CommandGroups = Readonly<Record<string, Readonly<Record<string, Command>>>>;

const INDENT = '  ';

const HEAD = `Usage: lade COMMAND [OPTIONS]

Lade runs containers straight from a bucket.
`;

const TAIL = `lade COMMAND --help explains one command. --address SOCKET, or LADE_ADDRESS, names the daemon; -n NAME, or
CONTAINERD_NAMESPACE, containerd's namespace; both may stand before the command. Every command that reads takes --json.
Exit codes: 0 done, 1 failed, 2 wrong usage; run and exec end as their program does.
`;

/** Prints what there is. */
export function explainAll(groups: CommandGroups): Run {
  const width = widthOf(Object.values(groups).flatMap((commands) => Object.keys(commands)));
  const sections = Object.entries(groups).map(
    ([title, commands]) =>
      `${title}:\n${Object.entries(commands)
        .map(([verb, { summary }]) => `${INDENT}${verb.padEnd(width)}${INDENT}${summary}\n`)
        .join('')}`,
  );
  return say([HEAD, ...sections, TAIL].join('\n'));
}

/** Prints how one command is used. */
export function explain({ usage, summary, details, options }: Command): Run {
  const rows = Object.entries(options).map(([name, option]) => [flagsOf(name, option), option.description]);
  const width = widthOf(rows.map(([flags = '']) => flags));
  const lines = rows.map(([flags = '', text]) => `${INDENT}${flags.padEnd(width)}${INDENT}${text}\n`);
  return say(
    [
      `Usage: lade ${usage}\n`,
      `${summary[0]?.toUpperCase()}${summary.slice(1)}.\n`,
      ...(details === undefined ? [] : [details]),
      ...(lines.length === 0 ? [] : [`Options:\n${lines.join('')}`]),
    ].join('\n'),
  );
}

function flagsOf(name: string, { short, type, argument = 'VALUE' }: Option): string {
  const flags = `${short === undefined ? '    ' : `-${short}, `}--${name}`;
  return type === 'string' ? `${flags} ${argument}` : flags;
}

function widthOf(texts: readonly string[]): number {
  return Math.max(...texts.map(({ length }) => length));
}

function say(text: string): Run {
  return async ({ stdout }) => {
    stdout.write(text);
    return 0;
  };
}
