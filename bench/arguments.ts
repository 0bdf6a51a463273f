import { parseArgs } from 'node:util';
import { CodedError } from '@lade/errors';

const USAGE = 'Usage: npm run bench -- [NAME…] [--runs N] [--case CASE]… [--fill MODE]';

export interface BenchArguments {
  /** Of benchmarks, in the order given; all that there are, when none was. */
  readonly names: readonly string[];
  readonly runs: number | undefined;
  /** Empty for all. */
  readonly cases: readonly string[];
  /** For `lade serve`; its own default when undefined. */
  readonly fill: string | undefined;
}

/** Throws `invalid_argument`. `available` are the names of all benchmarks. */
export function parseArguments(argv: readonly string[], available: readonly string[]): BenchArguments {
  const { positionals, values } = parse(argv);
  const unknown = positionals.find((name) => !available.includes(name));
  if (unknown !== undefined)
    throw invalid(`Cannot find benchmark ${unknown}: there are ${available.join(', ')}`);
  const { runs, case: cases = [], fill } = values;
  if (runs !== undefined && !/^[1-9]\d{0,5}$/.test(runs))
    throw invalid(`Cannot use --runs ${runs}: it is no whole number from 1 on`);
  return {
    names: positionals.length > 0 ? positionals : available,
    runs: runs === undefined ? undefined : Number(runs),
    cases,
    fill,
  };
}

function parse(argv: readonly string[]) {
  try {
    const options = {
      runs: { type: 'string' },
      case: { type: 'string', multiple: true },
      fill: { type: 'string' },
    } as const;
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (reason) {
    throw invalid(`Cannot read the arguments: ${(reason as Error).message}`);
  }
}

function invalid(message: string): CodedError {
  return new CodedError('invalid_argument', message, { cure: USAGE });
}
