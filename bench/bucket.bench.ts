import { CodedError } from '@lade/errors';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { OBJECT_BYTES, openContestants, type Contestants, type RangeReader } from './range-readers.ts';
import { median, round, spread } from './statistics.ts';

const DRIVERS = ['s3', 'obs', 'directory'] as const;
const IN_FLIGHT = [1, 4, 16, 64] as const;
const RUNS = 7;
/** Before it counts, of both: connections are opened, and all that a daemon runs all day is compiled. */
const WARM_UP = 4;
const LARGE = { rangeBytes: 1 << 20, reads: 256 } as const;
const SMALL = { rangeBytes: 64 << 10, reads: 1024 } as const;
/** Four fifths of the bare client's throughput. */
const WANTED_RATIO = 1.25;

interface Load {
  readonly rangeBytes: number;
  readonly reads: number;
}

interface Pair {
  readonly ms: number;
  readonly bareMs: number;
}

/**
 * Ranges of one object, so many at the same time, through a driver and by a bare client, by turns. Cases are
 * `<driver>/<in flight>`: ranges of 1 MiB; `small` has the same of 64 KiB.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const cases = DRIVERS.flatMap((driver) =>
    IN_FLIGHT.map((inFlight) => ({ driver, inFlight, name: `${driver}/${inFlight}` })),
  ).filter(({ name }) => context.isWanted(name));
  if (cases.length === 0) return;
  await using stack = new AsyncDisposableStack();
  const contestants = await openContestants(stack);
  for (const { driver, inFlight, name } of cases) {
    const large = await compare(contestants[driver], inFlight, LARGE, context);
    const small = await compare(contestants[driver], inFlight, SMALL, context);
    context.say(`  ${name}: ${round(ratioOf(large))}`);
    yield toCase(name, contestants[driver].peer, large, small);
  }
}

async function compare(
  { driver, bare }: Contestants,
  inFlight: number,
  load: Load,
  { runs = RUNS, signal }: BenchContext,
): Promise<Pair[]> {
  for (let round = 0; round < WARM_UP; round++) {
    await time(driver, inFlight, load);
    await time(bare, inFlight, load);
  }
  const pairs: Pair[] = [];
  while (pairs.length < runs) {
    signal.throwIfAborted();
    const isFirst = pairs.length % 2 === 0;
    const early = await time(isFirst ? driver : bare, inFlight, load);
    const late = await time(isFirst ? bare : driver, inFlight, load);
    pairs.push(isFirst ? { ms: early, bareMs: late } : { ms: late, bareMs: early });
  }
  return pairs;
}

async function time(read: RangeReader, inFlight: number, { rangeBytes, reads }: Load): Promise<number> {
  let left = reads;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const offset = (left * rangeBytes) % OBJECT_BYTES;
      if ((await read(offset, rangeBytes)) !== rangeBytes)
        throw new CodedError('data_loss', `Cannot measure: a read from ${offset} was not whole`);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  return performance.now() - started;
}

function ratioOf(pairs: readonly Pair[]): number {
  return median(pairs.map(({ ms, bareMs }) => ms / bareMs));
}

function toCase(name: string, peer: string, large: readonly Pair[], small: readonly Pair[]): BenchCase {
  const ratio = ratioOf(large);
  return {
    case: name,
    ratio: round(ratio),
    want: `<=${WANTED_RATIO}`,
    met: ratio <= WANTED_RATIO,
    peer,
    runs: large.length,
    spread: spread(large.map(({ ms, bareMs }) => ms / bareMs)),
    ...speeds(large, LARGE),
    small: { ratio: round(ratioOf(small)), ...speeds(small, SMALL) },
  };
}

function speeds(pairs: readonly Pair[], { reads, rangeBytes }: Load): Readonly<Record<string, number>> {
  const perSecond = (ms: readonly number[]): number => (reads * 1000) / median(ms);
  const [own, bare] = [perSecond(pairs.map(({ ms }) => ms)), perSecond(pairs.map(({ bareMs }) => bareMs))];
  return {
    readsPerSecond: Math.round(own),
    peerReadsPerSecond: Math.round(bare),
    megabytesPerSecond: Math.round((own * rangeBytes) / 1e6),
    peerMegabytesPerSecond: Math.round((bare * rangeBytes) / 1e6),
  };
}
