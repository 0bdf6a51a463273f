import { computed, defineComponent, ref } from 'vue';
import { ErrorNote } from '../../components/error-note.tsx';
import { Panel } from '../../components/panel.tsx';
import { formatBytes, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { HistoryTable } from './history-table.tsx';
import { RANGES, sumBins, toBins, type Bin, type Range } from './history-rows.ts';
import { TimeChart, type LegendEntry } from './time-chart.tsx';
import { useHistory } from './use-history.ts';

const CLASSES = [
  ['read', '--chart-1'],
  ['write', '--chart-2'],
  ['list', '--chart-3'],
  ['delete', '--chart-4'],
] as const;
const DIRECTIONS = [
  ['receivedBytes', '--chart-1'],
  ['sentBytes', '--chart-2'],
] as const;

/** What the bucket was asked and how large it was, over the last hour, day or month. */
export const HistoryPanel = defineComponent(() => {
  const range = ref<Range>('hour');
  const { rows, error, refresh } = useHistory(range);
  const bins = computed(() => rows.value && toBins(rows.value, range.value));
  return () => {
    const words = t().bucket;
    return (
      <Panel title={words.history} note={words.historyNote(words.historySteps[range.value])}>
        {{
          actions: () => (
            <div class="choices" role="group" aria-label={words.historyRange}>
              {(Object.keys(RANGES) as Range[]).map((name) => (
                <button
                  key={name}
                  type="button"
                  class="button"
                  aria-pressed={name === range.value}
                  onClick={() => (range.value = name)}
                >
                  {words.historyRanges[name]}
                </button>
              ))}
            </div>
          ),
          default: () => [
            error.value ? <ErrorNote error={error.value} onRetry={refresh} /> : null,
            bins.value ? (
              <div class="charts">
                <RequestChart bins={bins.value} range={range.value} />
                <ByteChart bins={bins.value} range={range.value} />
                <SizeChart bins={bins.value} range={range.value} />
              </div>
            ) : null,
            bins.value ? <HistoryTable bins={bins.value} /> : null,
          ],
        }}
      </Panel>
    );
  };
});

interface ChartProps {
  readonly bins: readonly Bin[];
  readonly range: Range;
}

function RequestChart({ bins, range }: ChartProps) {
  const words = t().bucket;
  const all = sumBins(bins);
  const names: Readonly<Record<string, string>> = words.requestKinds;
  const legend = (index: number | undefined): LegendEntry[] => {
    const figures = bins[index ?? -1] ?? all;
    const failed = { name: words.requestErrors, value: formatCount(figures.errors) };
    return [
      ...CLASSES.map(([name, colour]) => ({
        name: names[name] ?? name,
        value: formatCount(figures[name]),
        colour,
      })),
      ...(all.errors === 0 ? [] : [failed]),
    ];
  };
  const isEmpty = CLASSES.every(([name]) => all[name] === 0);
  return (
    <TimeChart
      title={words.requests}
      spec={{
        kind: 'bars',
        unit: 'count',
        ...timesOf(bins, range),
        series: CLASSES.map(([name, colour]) => ({ colour, values: bins.map((bin) => bin[name]) })),
      }}
      legend={legend}
      empty={isEmpty ? words.nothingAsked : undefined}
    />
  );
}
RequestChart.props = ['bins', 'range'];

function ByteChart({ bins, range }: ChartProps) {
  const words = t().bucket;
  const all = sumBins(bins);
  const names = { receivedBytes: words.bytesRead, sentBytes: words.bytesWritten };
  const legend = (index: number | undefined): LegendEntry[] =>
    DIRECTIONS.map(([name, colour]) => ({
      name: names[name],
      value: formatBytes((bins[index ?? -1] ?? all)[name]),
      colour,
    }));
  return (
    <TimeChart
      title={words.bytes}
      spec={{
        kind: 'bars',
        unit: 'bytes',
        ...timesOf(bins, range),
        series: DIRECTIONS.map(([name, colour]) => ({ colour, values: bins.map((bin) => bin[name]) })),
      }}
      legend={legend}
      empty={all.receivedBytes + all.sentBytes === 0 ? words.nothingMoved : undefined}
    />
  );
}
ByteChart.props = ['bins', 'range'];

function SizeChart({ bins, range }: ChartProps) {
  const words = t().bucket;
  const [first, last] = [bins.find(({ size }) => size)?.size, bins.at(-1)?.size];
  const legend = (index: number | undefined): LegendEntry[] => {
    const size = index === undefined ? last : bins[index]?.size;
    const grown = first && size ? size.bytes - first.bytes : undefined;
    return [
      { name: words.stored, value: size ? formatBytes(size.bytes) : '–', colour: '--chart-1' },
      { name: words.growth, value: grown === undefined ? '–' : formatChange(grown) },
      { name: words.browse, value: size ? formatCount(size.objects) : '–' },
    ];
  };
  return (
    <TimeChart
      title={words.size}
      spec={{
        kind: 'line',
        unit: 'bytes',
        ...timesOf(bins, range),
        series: [{ colour: '--chart-1', values: bins.map(({ size }) => size?.bytes) }],
      }}
      legend={legend}
      empty={last ? undefined : words.neverListed}
    />
  );
}
SizeChart.props = ['bins', 'range'];

function timesOf(bins: readonly Bin[], range: Range): { readonly at: number[]; readonly binS: number } {
  return { at: bins.map(({ at }) => at), binS: RANGES[range].binS };
}

function formatChange(bytes: number): string {
  if (bytes === 0) return formatBytes(0);
  return `${bytes > 0 ? '+' : '−'}${formatBytes(Math.abs(bytes))}`;
}
