import { costReport } from '@lade/bucket-cost';
import type { BucketRequests, NodeSummary } from '@lade/control-protocol';
import { defineCommand, wrongUsage } from '../command.ts';
import { formatCost } from '../cost-report.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatTable, type Column } from '../format-table.ts';
import { formatAge } from '../format-time.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { readPrices } from '../prices.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'STATE' },
  { title: 'VERSION' },
  { title: 'FILL' },
  { title: 'LAYERS', align: 'right' },
  { title: 'DISK', align: 'right' },
  { title: 'UPLOADS', align: 'right' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'SEEN' },
];

export const nodes = defineCommand({
  usage: 'nodes [OPTIONS]',
  summary: 'list the nodes that share the bucket, and what that may cost',
  options: {
    cost: { type: 'boolean', description: 'what was asked of the bucket, and what it stores' },
    prices: {
      type: 'string',
      argument: 'FILE',
      description: 'with --cost: what that costs at these prices (JSON)',
    },
    ...CLIENT_OPTIONS,
  },
  check({ cost, prices }) {
    if (prices !== undefined && !cost)
      throw wrongUsage('--prices goes with --cost', 'Use lade nodes --cost --prices FILE');
  },
  async run({ values: { cost, prices: file, ...values }, terminal: { stdout } }) {
    const prices = file === undefined ? undefined : readPrices(file);
    using client = openClient(values);
    const list = await client.nodes();
    if (!cost) {
      if (values.json) writeJson(stdout, list);
      else stdout.write(formatTable(COLUMNS, list.map(rowOf)));
      return 0;
    }
    const report = costReport(list, (await client.bucket.contents()).kinds, prices);
    if (values.json) writeJson(stdout, { nodes: list, ...report });
    else stdout.write(`${formatTable(COLUMNS, list.map(rowOf))}\n${formatCost(report)}`);
    return 0;
  },
});

function rowOf({ name, state, version, fillMode, seenAt, requests, ...node }: NodeSummary): string[] {
  const asked = Object.values(requests).reduce((sum, month) => sum + countOf(month), 0);
  const numbers = [node.layers, formatBytes(node.diskBytes), node.uploadsWaiting, asked].map(String);
  return [name, state, version, fillMode, ...numbers, formatAge(seenAt)];
}

function countOf(requests: BucketRequests): number {
  return Object.values(requests).reduce((sum, figures) => sum + figures.requests, 0);
}
