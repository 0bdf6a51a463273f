import type { ImageSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { formatTable, type Column } from '../format-table.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'IMAGE' },
  { title: 'DIGEST' },
  { title: 'PLATFORM' },
  { title: 'LAYERS HERE', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'PUBLISHED' },
];

export const images = defineCommand({
  usage: 'images [--json] [--address SOCKET]',
  summary: 'list the images that the bucket knows',
  options: CLIENT_OPTIONS,
  async run({ values, terminal }) {
    using client = openClient(values);
    const list = await client.images();
    if (values.json) writeJson(terminal.stdout, list);
    else terminal.stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

function rowOf({ name, digest, platform, layers, publishedAt }: ImageSummary): string[] {
  const here = layers.filter((layer) => layer.here).length;
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  return [
    name,
    formatDigest(digest),
    platform,
    `${here}/${layers.length}`,
    formatBytes(sizeBytes),
    publishedAt,
  ];
}
