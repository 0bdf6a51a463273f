import { wrongUsage } from './command.ts';
import { readEnvFile } from './read-env-file.ts';

/** The options of commands that run a program. */
export const PROCESS_OPTIONS = {
  interactive: { type: 'boolean', short: 'i', description: 'pass standard input on to the program' },
  tty: { type: 'boolean', short: 't', description: 'give the program a terminal: with -i this one' },
  env: {
    type: 'string',
    short: 'e',
    multiple: true,
    argument: 'NAME[=VALUE]',
    description: 'set a variable; without a value that of this process',
  },
  'env-file': {
    type: 'string',
    multiple: true,
    argument: 'FILE',
    description: 'set the variables of a file, one a line; -e takes precedence',
  },
  user: {
    type: 'string',
    short: 'u',
    argument: 'USER[:GROUP]',
    description: 'run as this user, by name or number',
  },
  workdir: { type: 'string', short: 'w', argument: 'DIR', description: 'run it in this folder' },
} as const;

export interface ProcessValues {
  readonly interactive?: boolean | undefined;
  readonly tty?: boolean | undefined;
  readonly env?: string[] | undefined;
  readonly 'env-file'?: string[] | undefined;
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
}

export interface ProcessRequest {
  readonly terminal?: true;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
}

/** Throws `invalid_argument` for a terminal with input where there is none. */
export function checkTerminal({ interactive, tty }: ProcessValues): void {
  if (tty && interactive && !process.stdin.isTTY)
    throw wrongUsage('-t with -i needs a terminal, and the input is none', 'Leave out -t');
}

/** What the control API is told of them. */
export function processRequest(values: ProcessValues): ProcessRequest {
  const { tty, user, workdir } = values;
  const { columns, rows } = process.stdout;
  const env = variablesIn(values);
  return {
    ...(tty ? { terminal: true } : {}),
    ...(tty && columns && rows ? { columns, rows } : {}),
    ...(env.length > 0 ? { env } : {}),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
  };
}

function variablesIn({ env = [], 'env-file': files = [] }: ProcessValues): string[] {
  return [...files.flatMap(readEnvFile), ...env].flatMap(withValue);
}

/** A name alone stands for what this process has under it. */
function withValue(entry: string): string[] {
  if (entry.includes('=')) return [entry];
  const value = process.env[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}
