import type { BucketKind, BucketRequests, NodeSummary } from '@lade/control-protocol';
import { formatBytes } from './format-bytes.ts';
import { formatTable, type Column } from './format-table.ts';
import { costOfRequests, costOfStored, type Prices } from './prices.ts';

/** What all nodes together have asked of the bucket, and what it stores; with prices also what that may cost. */
export interface CostReport {
  readonly months: readonly {
    readonly month: string;
    readonly requests: BucketRequests;
    readonly cost?: number;
  }[];
  /** As of now, for a whole month. */
  readonly stored: readonly (BucketKind & { readonly cost?: number })[];
  readonly prices?: Prices;
}

const RIGHT = 'right';
const MONTH_COLUMNS: readonly Column[] = [
  { title: 'MONTH' },
  ...['READS', 'WRITES', 'LISTS', 'DELETIONS', 'RECEIVED', 'SENT'].map(
    (title) => ({ title, align: RIGHT }) as const,
  ),
];
const STORED_COLUMNS: readonly Column[] = [
  { title: 'STORED' },
  { title: 'OBJECTS', align: RIGHT },
  { title: 'SIZE', align: RIGHT },
];

const NO_PRICES = 'Give --prices FILE to see what that may cost.\n';
const NOT_INCLUDED =
  'not included: free quotas and tiers, taxes, requests of other programs, of lost counts and of the months before these, ' +
  'objects below a least size, old versions, unfinished uploads, and traffic that the cloud does not charge.\n';

export function costReport(
  nodes: readonly NodeSummary[],
  stored: readonly BucketKind[],
  prices: Prices | undefined,
): CostReport {
  const names = [...new Set(nodes.flatMap(({ requests }) => Object.keys(requests)))].sort();
  const months = names.map((month) => {
    const requests = addUp(nodes.flatMap((node) => node.requests[month] ?? []));
    return { month, requests, ...(prices ? { cost: costOfRequests(requests, prices) } : {}) };
  });
  const kinds = stored.map((kind) => ({
    ...kind,
    ...(prices ? { cost: costOfStored(kind.bytes, prices) } : {}),
  }));
  return { months, stored: kinds, ...(prices ? { prices } : {}) };
}

export function formatCost({ months, stored, prices }: CostReport): string {
  const costColumn: Column[] = prices ? [{ title: `~${prices.currency}`, align: RIGHT }] : [];
  const costCell = (cost: number | undefined): string[] => (cost === undefined ? [] : [formatAmount(cost)]);
  const monthRows = months.map(({ month, requests, cost }) => {
    const { read, write, list, delete: deletion } = requests;
    const counts = [read, write, list, deletion].map((figures) => String(figures.requests));
    const bytes = (name: 'receivedBytes' | 'sentBytes'): string =>
      formatBytes(Object.values(requests).reduce((sum, figures) => sum + figures[name], 0));
    return [month, ...counts, bytes('receivedBytes'), bytes('sentBytes'), ...costCell(cost)];
  });
  const storedRows = stored.map(({ kind, objects, bytes, cost }) => [
    kind,
    String(objects),
    formatBytes(bytes),
    ...costCell(cost),
  ]);
  const note = prices
    ? `An estimate for requests and traffic of these months, and for what is stored now for one month, at prices of ${prices.asOf};\n${NOT_INCLUDED}`
    : NO_PRICES;
  return [
    formatTable([...MONTH_COLUMNS, ...costColumn], monthRows),
    formatTable([...STORED_COLUMNS, ...costColumn], storedRows),
    note,
  ].join('\n');
}

/** As precisely as an estimate is. */
function formatAmount(amount: number): string {
  if (amount === 0) return '0';
  return amount < 0.01 ? '<0.01' : amount.toFixed(2);
}

function addUp(all: readonly BucketRequests[]): BucketRequests {
  const sum = (name: keyof BucketRequests): BucketRequests['read'] => {
    const total = { requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 };
    for (const { [name]: figures } of all) {
      total.requests += figures.requests;
      total.errors += figures.errors;
      total.sentBytes += figures.sentBytes;
      total.receivedBytes += figures.receivedBytes;
    }
    return total;
  };
  return { read: sum('read'), write: sum('write'), list: sum('list'), delete: sum('delete') };
}
