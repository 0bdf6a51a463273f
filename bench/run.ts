import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CodedError, fromUnknown, isCodedError } from '@lade/errors';
import { unpackSet, type PackageSetName } from '@lade/sandbox';
import { parseArguments, type BenchArguments } from './arguments.ts';
import { summarize, type Bench, type BenchCase, type BenchContext } from './benchmark.ts';

/*
 * npm run bench: measures, and prints one JSON line per case on standard output, and after the cases of a benchmark its
 * summary. Progress goes to standard error. What docs/benchmarks.md says about each is in <name>.bench.ts.
 */
const CACHE = process.env['LADE_CACHE'] ?? join(import.meta.dirname, '../.cache');
const CONTAINERD_VERSION = '2.1';
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
process.exitCode = await main().then(
  () => 0,
  (reason: unknown) => (stop.signal.aborted ? 130 : complain(reason)),
);

async function main(): Promise<void> {
  const available = globSync('*.bench.ts', { cwd: import.meta.dirname }).map((file) =>
    basename(file, '.bench.ts'),
  );
  const given = parseArguments(process.argv.slice(2), available.sort());
  if (process.getuid?.() !== 0)
    throw new CodedError('permission_denied', 'Cannot run containerd: this needs root', { cure: 'Use sudo' });
  const context = await prepare(given);
  let measured = 0;
  for (const name of given.names) measured += await run(name, context);
  if (measured === 0)
    throw new CodedError('invalid_argument', `Cannot find a case ${given.cases.join(' or ')}`, {
      cure: 'docs/benchmarks.md names the cases of every benchmark',
    });
}

async function prepare({ runs, cases, fill }: BenchArguments): Promise<BenchContext> {
  const { signal } = stop;
  const unpack = async (name: PackageSetName): Promise<string> =>
    (await unpackSet(name, { cacheFolder: CACHE, log: say, signal })).folder;
  return {
    runs,
    packages: [await unpack(`containerd-${CONTAINERD_VERSION}`), await unpack('runc')],
    containerdVersion: CONTAINERD_VERSION,
    cacheFolder: CACHE,
    signal,
    flags: fill === undefined ? [] : ['--fill', fill],
    isWanted: (name, isDefault = true) => (cases.length === 0 ? isDefault : cases.includes(name)),
    say,
  };
}

/** Resolves with the number of cases that were measured. */
async function run(name: string, context: BenchContext): Promise<number> {
  say(name);
  const { bench } = (await import(`./${name}.bench.ts`)) as { readonly bench: Bench };
  const cases: BenchCase[] = [];
  for await (const measured of bench(context)) {
    print(name, measured);
    cases.push(measured);
  }
  const [first, ...others] = cases;
  if (first) print(name, summarize([first, ...others]));
  return cases.length;
}

function print(bench: string, measured: BenchCase): void {
  process.stdout.write(`${JSON.stringify({ bench, ...measured })}\n`);
}

function complain(reason: unknown): number {
  const { message, cure } = fromUnknown(reason);
  say(`npm run bench: ${message}${cure === undefined ? '' : `\n  → ${cure}`}`);
  return isCodedError(reason, 'invalid_argument') ? 2 : 1;
}
