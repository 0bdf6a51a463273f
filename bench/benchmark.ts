/** What `npm run bench` gives to each benchmark. */
export interface BenchContext {
  /** Of --runs; a benchmark has a number of its own without it. */
  readonly runs: number | undefined;
  /** Folders of unpacked packages with containerd and runc. */
  readonly packages: readonly string[];
  /** Of the containerd in them, as "2.1". */
  readonly containerdVersion: string;
  /** Where images are built, and kept for the next time. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  /** More flags of `lade serve`, of --fill. */
  readonly flags: readonly string[];
  /** Whether a case was asked for; without --case, all but those that are said to be no default. */
  readonly isWanted: (name: string, isDefault?: boolean) => boolean;
  /** Progress, for a person. */
  readonly say: (line: string) => void;
}

/** The result of one case: what one line of output says. */
export interface BenchCase {
  readonly case: string;
  /** Measured over its peer or its limit: the less, the better. */
  readonly ratio: number;
  /** The condition that the project has set itself, as "<=1.0". */
  readonly want: string;
  /** Whether `want` holds. */
  readonly met: boolean;
  /** What the ratio is taken against, measured in the same run; or the limit. */
  readonly peer: string;
  readonly runs: number;
  /** The smallest and the largest ratio of a single run. */
  readonly spread: readonly [smallest: number, largest: number];
  /** More figures, their units in their names. */
  readonly [figure: string]: unknown;
}

/** What a file <name>.bench.ts exports as `bench`: measures the cases that are wanted, one after another. */
export type Bench = (context: BenchContext) => AsyncIterable<BenchCase>;

/** The last line of a benchmark: its worst case, and whether all cases are as wanted. */
export function summarize(cases: readonly [BenchCase, ...BenchCase[]]): BenchCase {
  const worst = cases.reduce((a, b) => (b.ratio > a.ratio ? b : a));
  const { ratio, want, peer, runs, spread } = worst;
  const met = cases.every((each) => each.met);
  return { case: 'all', ratio, want, met, peer, runs, spread, worst: worst.case };
}
