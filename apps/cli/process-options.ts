import { wrongUsage } from './command.ts';

/** The options of commands that run a program. */
export const PROCESS_OPTIONS = {
  interactive: { type: 'boolean', short: 'i' },
  tty: { type: 'boolean', short: 't' },
  env: { type: 'string', short: 'e', multiple: true },
  user: { type: 'string', short: 'u' },
  workdir: { type: 'string', short: 'w' },
} as const;

interface ProcessValues {
  readonly interactive?: boolean | undefined;
  readonly tty?: boolean | undefined;
  readonly env?: string[] | undefined;
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
export function processRequest({ tty, env, user, workdir }: ProcessValues): ProcessRequest {
  const { columns, rows } = process.stdout;
  return {
    ...(tty ? { terminal: true } : {}),
    ...(tty && columns && rows ? { columns, rows } : {}),
    ...(env ? { env: env.flatMap(withValue) } : {}),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
  };
}

/** A name alone stands for what this process has under it. */
function withValue(entry: string): string[] {
  if (entry.includes('=')) return [entry];
  const value = process.env[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}
