import type { LayerSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { formatTable, type Column } from '../format-table.ts';
import { formatAge } from '../format-time.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'LAYER' },
  { title: 'ORIGIN' },
  { title: 'TAR', align: 'right' },
  { title: 'BLOB', align: 'right' },
  { title: 'HERE', align: 'right' },
  { title: 'DISK', align: 'right' },
  { title: 'INODES', align: 'right' },
  { title: 'UPLOADED' },
  { title: 'CREATED' },
];

export const layers = defineCommand({
  usage: 'layers [OPTIONS]',
  summary: 'list the layers on this node',
  options: CLIENT_OPTIONS,
  async run({ values, terminal }) {
    using client = openClient(values);
    const list = await client.layers();
    if (values.json) writeJson(terminal.stdout, list);
    else terminal.stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

function rowOf({ diffId, origin, inodes, uploaded, createdAt, ...layer }: LayerSummary): string[] {
  const { tarBytes, blobBytes, residentBytes, diskBytes } = layer;
  const here = blobBytes === 0 ? 100 : Math.floor((100 * residentBytes) / blobBytes);
  const sizes = [formatBytes(tarBytes), formatBytes(blobBytes), `${here}%`, formatBytes(diskBytes)];
  return [
    formatDigest(diffId),
    origin,
    ...sizes,
    String(inodes),
    uploaded ? 'yes' : 'waiting',
    formatAge(createdAt),
  ];
}
