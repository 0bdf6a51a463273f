import type { RequestClass, RequestCounts, RequestFigures } from '@lade/bucket';
import { FILL_SOURCES, type FillSource, type ResidencyCounters } from '@lade/residency';

const CLASSES = ['read', 'write', 'list', 'delete'] as const satisfies readonly RequestClass[];
const MEASURES = {
  requests: 'requests',
  errors: 'errors',
  sentBytes: 'sent_bytes',
  receivedBytes: 'received_bytes',
} as const satisfies Record<keyof RequestFigures, string>;
type Measure = keyof typeof MEASURES;

type Column = `${RequestClass}_${(typeof MEASURES)[Measure]}` | `filled_${FillSource}` | 'waits' | 'wait_ms';

const NAMES = Object.keys(MEASURES) as readonly Measure[];

/** Of the table, in the order of takeFigures(). */
export const COLUMNS: readonly Column[] = [
  ...CLASSES.flatMap((kind) => NAMES.map((name): Column => `${kind}_${MEASURES[name]}`)),
  ...FILL_SOURCES.map((source): Column => `filled_${source}`),
  'waits',
  'wait_ms',
];

export type FillCounters = Readonly<Pick<ResidencyCounters, 'fills' | 'waits' | 'waitMs'>>;

/** What is counted since the daemon started, as one row: numbers that only grow. */
export function takeFigures(requests: RequestCounts, counters: FillCounters): number[] {
  return [
    ...CLASSES.flatMap((kind) => NAMES.map((name) => requests[kind][name])),
    ...FILL_SOURCES.map((source) => counters.fills[source].bytes),
    counters.waits,
    counters.waitMs,
  ];
}

/** What was done, step by step; every list is as long as the others. */
export interface WorkSeries {
  readonly requests: Readonly<Record<RequestClass, Readonly<Record<Measure, readonly number[]>>>>;
  /** Bytes that became resident, by where they came from. */
  readonly fills: Readonly<Record<FillSource, readonly number[]>>;
  /** Reads that began to wait, and for how long those have waited that do no more. */
  readonly waits: { readonly reads: readonly number[]; readonly ms: readonly number[] };
}

/** Rows as takeFigures() makes them, by what their numbers mean. */
export function toSeries(rows: readonly (readonly number[])[]): WorkSeries {
  const column = (name: Column): number[] => {
    const i = COLUMNS.indexOf(name);
    return rows.map((row) => Math.round(row[i] ?? 0));
  };
  const ofClass = (kind: RequestClass): Record<Measure, number[]> => ({
    requests: column(`${kind}_requests`),
    errors: column(`${kind}_errors`),
    sentBytes: column(`${kind}_sent_bytes`),
    receivedBytes: column(`${kind}_received_bytes`),
  });
  return {
    requests: {
      read: ofClass('read'),
      write: ofClass('write'),
      list: ofClass('list'),
      delete: ofClass('delete'),
    },
    fills: {
      bucket: column('filled_bucket'),
      hot: column('filled_hot'),
      copied: column('filled_copied'),
      adopted: column('filled_adopted'),
      zero: column('filled_zero'),
    },
    waits: { reads: column('waits'), ms: column('wait_ms') },
  };
}
