import type { BucketHistory } from '@lade/control-protocol';

export type Range = 'hour' | 'day' | 'month';

/** Which steps a range is made of, how long it is, and how long each point of a chart. */
export const RANGES = {
  hour: { step: 'minute', spanS: 3600, binS: 60 },
  day: { step: 'minute', spanS: 86_400, binS: 600 },
  month: { step: 'hour', spanS: 30 * 86_400, binS: 21_600 },
} as const satisfies Record<
  Range,
  { readonly step: BucketHistory['step']; readonly spanS: number; readonly binS: number }
>;

const NOTHING = { read: 0, write: 0, list: 0, delete: 0, errors: 0, receivedBytes: 0, sentBytes: 0 };
/** Requests by class, how many of them failed, and bytes of all. */
export type Figures = Readonly<Record<keyof typeof NOTHING, number>>;
const CLASSES = ['read', 'write', 'list', 'delete'] as const;
const NAMES = Object.keys(NOTHING) as readonly (keyof Figures)[];

interface Size {
  readonly at: number;
  readonly objects: number;
  readonly bytes: number;
}

/** What a history tells, as charts need it. Times are seconds since 1970. */
export interface HistoryRows {
  readonly until: number;
  readonly steps: readonly (Figures & { readonly at: number })[];
  readonly sizes: readonly Size[];
}

/** A point of a chart: what was done from `at` on, and the size of the bucket at its end, where that is known. */
export interface Bin extends Figures {
  readonly at: number;
  readonly size: Size | undefined;
}

export function toRows({ until, at, requests, sizes }: BucketHistory): HistoryRows {
  const sum = (name: 'errors' | 'receivedBytes' | 'sentBytes', i: number): number =>
    CLASSES.reduce((all, kind) => all + (requests[kind][name][i] ?? 0), 0);
  const count = (kind: (typeof CLASSES)[number], i: number): number => requests[kind].requests[i] ?? 0;
  const kinds = Object.values(sizes.kinds);
  return {
    until,
    steps: at.map((begin, i) => ({
      at: begin,
      read: count('read', i),
      write: count('write', i),
      list: count('list', i),
      delete: count('delete', i),
      errors: sum('errors', i),
      receivedBytes: sum('receivedBytes', i),
      sentBytes: sum('sentBytes', i),
    })),
    sizes: sizes.at.map((begin, i) => ({
      at: begin,
      objects: kinds.reduce((all, { objects }) => all + (objects[i] ?? 0), 0),
      bytes: kinds.reduce((all, { bytes }) => all + (bytes[i] ?? 0), 0),
    })),
  };
}

/** What is known with what a later answer tells from `since` on; what is older than `spanS` goes. */
export function appendRows(
  known: HistoryRows,
  more: HistoryRows,
  { since, spanS }: { readonly since: number; readonly spanS: number },
): HistoryRows {
  const firstSize = more.sizes[0]?.at ?? Infinity;
  return {
    until: more.until,
    steps: [...known.steps.filter(({ at }) => at < since && at > more.until - spanS), ...more.steps],
    sizes: [...known.sizes.filter(({ at }) => at < firstSize), ...more.sizes],
  };
}

/** Points for the whole range; the last one has the present in it. */
export function toBins({ until, steps, sizes }: HistoryRows, range: Range): Bin[] {
  const { spanS, binS } = RANGES[range];
  const first = until - (until % binS) - spanS + binS;
  const figures = Array.from({ length: spanS / binS }, () => ({ ...NOTHING }));
  for (const { at, ...step } of steps) {
    const bin = figures[Math.floor((at - first) / binS)];
    if (bin) for (const name of NAMES) bin[name] += step[name];
  }
  return figures.map((all, i) => {
    const at = first + i * binS;
    return { at, ...all, size: sizes.findLast((size) => size.at < at + binS) };
  });
}

/** Fewer points that say the same, for those who read rather than see. */
export function foldBins(bins: readonly Bin[], many: number): Bin[] {
  const each = Math.ceil(bins.length / many);
  return Array.from({ length: Math.ceil(bins.length / each) }, (_, i) => {
    const some = bins.slice(i * each, (i + 1) * each);
    return { at: some[0]?.at ?? 0, ...sumBins(some), size: some.at(-1)?.size };
  });
}

export function sumBins(bins: readonly Bin[]): Figures {
  const all = { ...NOTHING };
  for (const bin of bins) for (const name of NAMES) all[name] += bin[name];
  return all;
}
