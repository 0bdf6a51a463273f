import type { Trace } from '@lade/control-protocol';
import { isCodedError } from '@lade/errors';
import { defineCommand, type Terminal } from '../command.ts';
import { findImages } from '../find-images.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { formatTable, type Column } from '../format-table.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'CHUNK', align: 'right' },
  { title: 'OFFSET', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'FILE' },
];

export const trace = defineCommand({
  usage: 'trace [OPTIONS] IMAGE',
  summary: 'show what a start of an image reads, layer by layer',
  options: { namespace: NAMESPACE, ...CLIENT_OPTIONS },
  operands: ['IMAGE'],
  async run({ values, operands: [name = ''], terminal }) {
    using client = openClient(values);
    const [image] = findImages(name, await client.images(namespaceIn(values)));
    const traces: Trace[] = [];
    for (const { diffId } of image?.layers ?? []) {
      const found = await client.trace(diffId).catch((reason: unknown) => {
        if (isCodedError(reason, 'not_found')) return { diffId, chunks: [] };
        throw reason;
      });
      traces.push(found);
    }
    if (values.json) writeJson(terminal.stdout, traces);
    else for (const layer of traces) tell(layer, terminal);
    return 0;
  },
});

function tell({ diffId, chunks }: Trace, { stdout }: Terminal): void {
  const bytes = chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const state = chunks.length === 0 ? 'no start recorded' : `${chunks.length} chunks, ${formatBytes(bytes)}`;
  stdout.write(`${formatDigest(diffId)} ${state}\n`);
  if (chunks.length === 0) return;
  const rows = chunks.map(({ number, offset, sizeBytes, path = '' }) => [
    String(number),
    String(offset),
    formatBytes(sizeBytes),
    path,
  ]);
  stdout.write(formatTable(COLUMNS, rows));
}
