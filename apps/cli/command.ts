import { parseArgs } from 'node:util';
import { CodedError } from '@lade/errors';
import { nearest } from './nearest.ts';

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

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What its value is called; "VALUE" unless given. */
  readonly argument?: string;
  /** What it does, as help says it. */
  readonly description: string;
}

export type Options = Readonly<Record<string, Option>>;

export interface Command {
  /** What follows "lade". */
  readonly usage: string;
  /** What it does, as help says it: one line. */
  readonly summary: string;
  readonly options: Options;
  /** More lines for its own help. */
  readonly details?: string | undefined;
  /** The arguments that are this command's own, where it passes others on. */
  ownArguments?(argv: readonly string[]): readonly string[];
  /** Reads the arguments behind the verb. Throws `invalid_argument` for wrong usage, before anything happens. */
  prepare(argv: readonly string[]): Promise<(terminal: Terminal) => Promise<ExitCode>>;
}

type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

interface Specification<O extends Options> {
  readonly usage: string;
  readonly summary: string;
  readonly details?: string;
  readonly options: O;
  /** Options of docker or ctr that there are not, as they are typed, with the way that there is. */
  readonly lacking?: Readonly<Record<string, string>>;
  /** Names of the arguments that are no options; all of them are needed. */
  readonly operands?: readonly string[];
  /**
   * What comes after the operands: `one` that may be left out, `several`, or `passed on` to a program, and then options end where
   * operands begin. Nothing otherwise.
   */
  readonly more?: 'one' | 'several' | 'passed on';
  /** Throws `invalid_argument` for what does not go together. */
  readonly check?: (values: Values<O>, operands: readonly string[]) => void;
  readonly run: (call: {
    readonly values: Values<O>;
    readonly operands: readonly string[];
    readonly terminal: Terminal;
  }) => Promise<ExitCode>;
}

/** A command whose options and operands are checked as declared. */
export function defineCommand<const O extends Options>(specification: Specification<O>): Command {
  const { usage, summary, details, options, operands: names = [], more, check, run } = specification;
  const [verb = ''] = usage.split(' ');
  const cure = `Usage: lade ${usage} (lade ${verb} --help explains the options)`;
  const ownArguments = (argv: readonly string[]): readonly string[] =>
    more === 'passed on' ? argv.slice(0, firstOperand(argv, options)) : argv;
  return {
    usage,
    summary,
    details,
    options,
    ownArguments,
    async prepare(argv) {
      const own = ownArguments(argv);
      const { values, positionals: given } = parse(own, specification, cure);
      const positionals = [...given, ...argv.slice(own.length)];
      const missing = names[positionals.length];
      if (missing !== undefined) throw wrongUsage(`${missing} is missing`, cure);
      const named = more === 'passed on' ? positionals.slice(0, names.length) : positionals;
      if (named.includes('')) throw wrongUsage(`${names[named.indexOf('')] ?? 'an argument'} is empty`, cure);
      const extra = positionals[names.length + (more === 'one' ? 1 : 0)];
      if (extra !== undefined && (more === undefined || more === 'one'))
        throw wrongUsage(`unexpected argument ${JSON.stringify(extra)}`, cure);
      check?.(values, positionals);
      return async (terminal) => run({ values, operands: positionals, terminal });
    },
  };
}

/** Where the options end; behind them, what looks like one belongs to somebody else. */
function firstOperand(argv: readonly string[], options: Options): number {
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

function parse<O extends Options>(
  argv: readonly string[],
  { options, lacking = {} }: Specification<O>,
  cure: string,
): { values: Values<O>; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (reason) {
    const [state = ''] = (reason as Error).message.split('. ');
    const [, unknown] = /^Unknown option '(.+)'$/.exec(state) ?? [];
    if (unknown === undefined) throw wrongUsage(state, cure);
    const way = lacking[unknown];
    if (way !== undefined) throw wrongUsage(`Lade has no option ${unknown}`, way);
    const similar = nearest(
      unknown,
      Object.keys(options).map((name) => `--${name}`),
    );
    throw wrongUsage(
      `there is no option ${unknown}${similar === undefined ? '' : `; did you mean ${similar}?`}`,
      cure,
    );
  }
}
