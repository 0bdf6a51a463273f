import uPlot from 'uplot';
import { formatByteSteps, formatCount, formatDay, formatTime } from '../../i18n/format.ts';

const DAY_S = 86_400;
const HEIGHT = 150;

/** What a chart shows, from below to above; bars stand on each other. */
export interface ChartSpec {
  readonly kind: 'bars' | 'line';
  readonly unit: 'count' | 'bytes';
  /** Begin of each point, seconds since 1970, and how long all are. */
  readonly at: readonly number[];
  readonly binS: number;
  readonly series: readonly {
    /** One of the tokens. */
    readonly colour: string;
    readonly values: readonly (number | undefined)[];
  }[];
}

/** Bars are drawn from the highest to the lowest, so that each hides the lower part of the one before. */
export function toData({ kind, at, binS, series }: ChartSpec): uPlot.AlignedData {
  const times = at.map((begin) => begin + binS / 2);
  if (kind === 'line') return [times, ...series.map(({ values }) => values.map((value) => value ?? null))];
  const sums = at.map(() => 0);
  const stacked = series.map(({ values }) => sums.map((sum, i) => (sums[i] = sum + (values[i] ?? 0))));
  return [times, ...stacked.toReversed()];
}

/** Colours are those of the moment. */
export function createOptions(
  current: () => ChartSpec,
  { width, pointed }: { readonly width: number; readonly pointed: (index: number | undefined) => void },
): uPlot.Options {
  const { kind, unit, series } = current();
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const drawn = kind === 'line' ? series : series.toReversed();
  return {
    width,
    height: HEIGHT,
    // To the right as much as half of a label, which may stand at the very end.
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: 'bucket' },
      drag: { x: false, y: false },
      points: { show: kind === 'line' },
      y: false,
    },
    hooks: { setCursor: [({ cursor }) => pointed(cursor.idx ?? undefined)] },
    scales: {
      x: { time: true, range: () => spanOf(current()) },
      y: { range: (_, low, high) => rangeOf(kind, low, high) },
    },
    axes: axes(token, unit),
    series: [
      {},
      ...drawn.map(({ colour }): uPlot.Series => {
        const paint = token(colour);
        const line = { stroke: paint, width: 2, points: { show: false } };
        const { bars } = uPlot.paths;
        if (kind === 'line' || !bars) return line;
        return { fill: paint, width: 0, points: { show: false }, paths: bars({ size: [0.8, 40] }) };
      }),
    ],
  };
}

function spanOf({ at, binS }: ChartSpec): [number, number] {
  return [at[0] ?? 0, (at.at(-1) ?? 0) + binS];
}

/** Bars stand on nothing; a line shows how it changes. */
function rangeOf(kind: ChartSpec['kind'], low: number, high: number): [number, number] {
  if (kind === 'bars' || low === high) return [0, Math.max(1, high * 1.15)];
  const margin = (high - low) * 0.15;
  return [Math.max(0, low - margin), high + margin];
}

function axes(token: (name: string) => string, unit: ChartSpec['unit']): uPlot.Axis[] {
  const look = {
    stroke: token('--text-faint'),
    font: `11px ${token('--font')}`,
    grid: { stroke: token('--line'), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...look,
      size: 28,
      space: 58,
      grid: { show: false },
      values: (...[, splits, , , step]) => splits.map((at) => formatTick(at, step)),
    },
    {
      ...look,
      space: 20,
      incrs: STEPS,
      size: (_plot, values) => 16 + 6.2 * Math.max(2, ...(values ?? []).map((value) => value.length)),
      values: (...[, splits, , , step]) =>
        unit === 'bytes' ? formatByteSteps(splits, step) : splits.map((value) => formatCount(value)),
    },
  ];
}

const STEPS = Array.from({ length: 16 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();

function formatTick(at: number, step: number): string {
  const time = new Date(at * 1000);
  return step >= DAY_S || (time.getHours() === 0 && time.getMinutes() === 0)
    ? formatDay(time)
    : formatTime(time);
}
