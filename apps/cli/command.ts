import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { CodedError } from '@lade/errors';

/** 0 done, 1 failed, 2 wrong usage; of a process that is run, its own. */
export type ExitCode = number;

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
  /** The arguments that are this command's own, where it passes others on. */
  ownArguments?(argv: readonly string[]): readonly string[];
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
  /**
   * What comes after the operands: `one` that may be left out, `several`, or `passed on` to a program, and then options end where
   * operands begin. Nothing otherwise.
   */
  readonly more?: 'one' | 'several' | 'passed on';
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
  const { usage, summary, options, operands: names = [], more, check, run } = specification;
  const cure = `Usage: lade ${usage}`;
  const ownArguments = (argv: readonly string[]): readonly string[] =>
    more === 'passed on' ? argv.slice(0, firstOperand(argv, options)) : argv;
  return {
    usage,
    summary,
    ownArguments,
    async prepare(argv) {
      const own = ownArguments(argv);
      const { values, positionals: given } = parse(own, options, cure);
      const positionals = [...given, ...argv.slice(own.length)];
      const missing = names[positionals.length];
      if (missing !== undefined) throw wrongUsage(`${missing} is missing`, cure);
      const extra = positionals[names.length + (more === 'one' ? 1 : 0)];
      if (extra !== undefined && (more === undefined || more === 'one'))
        throw wrongUsage(`unexpected argument ${JSON.stringify(extra)}`, cure);
      check?.(values);
      return async (terminal) => run({ values, operands: positionals, terminal });
    },
  };
}

/** Where the options end; behind them, what looks like one belongs to somebody else. */
function firstOperand(argv: readonly string[], options: ParseArgsOptionsConfig): number {
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  return tokens.find(({ kind }) => kind === 'positional')?.index ?? argv.length;
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
