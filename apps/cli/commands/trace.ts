import type { ImageSummary, Trace } from '@lade/control-protocol';
import { CodedError, isCodedError } from '@lade/errors';
import { defineCommand, type Terminal } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { formatTable, type Column } from '../format-table.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'CHUNK', align: 'right' },
  { title: 'OFFSET', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'FILE' },
];

export const trace = defineCommand({
  usage: 'trace IMAGE [--json] [--address SOCKET]',
  summary: 'show what a start of an image reads, layer by layer, in that order',
  options: CLIENT_OPTIONS,
  operands: ['IMAGE'],
  async run({ values, operands: [name = ''], terminal }) {
    using client = openClient(values);
    const image = findImage(await client.images(), name);
    const traces: Trace[] = [];
    for (const { diffId } of image.layers) {
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

function findImage(images: readonly ImageSummary[], name: string): ImageSummary {
  const image = images.find((each) => each.name === name);
  if (image) return image;
  throw new CodedError('not_found', `Cannot find image ${name} in the bucket`, { cure: 'See: lade images' });
}

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
