import type { CostReport } from '@lade/bucket-cost';
import { formatBytes } from './format-bytes.ts';
import { formatTable, type Column } from './format-table.ts';

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
