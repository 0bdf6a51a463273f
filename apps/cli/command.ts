import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { CodedError } from '@lade/errors';

export type ExitCode = 0 | 1 | 2;

export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface Terminal {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

export interface Command {
  /** What follows "lade". */
  readonly usage: string;
  /** What it does, as help says it. */
  readonly summary: string;
  /** Reads the arguments behind the verb. Throws `invalid_argument` for wrong usage, before anything happens. */
  prepare(argv: readonly string[]): Promise<(terminal: Terminal) => Promise<ExitCode>>;
}

type Values<O extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

interface Specification<O extends ParseArgsOptionsConfig> {
  readonly usage: string;
  readonly summary: string;
  readonly options: O;
  /** Names of the arguments that are no options; all of them are needed. */
  readonly operands?: readonly string[];
  /** Throws `invalid_argument` for options that do not go together. */
  readonly check?: (values: Values<O>) => void;
  readonly run: (call: {
    readonly values: Values<O>;
    readonly operands: readonly string[];
    readonly terminal: Terminal;
  }) => Promise<ExitCode>;
}

/** A command whose options and operands are checked as declared. */
export function defineCommand<const O extends ParseArgsOptionsConfig>(
  specification: Specification<O>,
): Command {
  const { usage, summary, options, operands: names = [], check, run } = specification;
  const cure = `Usage: lade ${usage}`;
  return {
    usage,
    summary,
    async prepare(argv) {
      const { values, positionals } = parse(argv, options, cure);
      const missing = names[positionals.length];
      if (missing !== undefined) throw wrongUsage(`${missing} is missing`, cure);
      const extra = positionals[names.length];
      if (extra !== undefined) throw wrongUsage(`unexpected argument ${JSON.stringify(extra)}`, cure);
      check?.(values);
      return async (terminal) => run({ values, operands: positionals, terminal });
    },
  };
}

/** The error of a command line that cannot be run. */
export function wrongUsage(state: string, cure: string): CodedError {
  return new CodedError('invalid_argument', state, { cure });
}

function parse<O extends ParseArgsOptionsConfig>(
  argv: readonly string[],
  options: O,
  cure: string,
): { values: Values<O>; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (reason) {
    throw wrongUsage((reason as Error).message.split('. ')[0] ?? '', cure);
  }
}
