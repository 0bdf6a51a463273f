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
  { title: 'IN' },
  { title: 'LAYERS HERE', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'PUBLISHED' },
];

export const images = defineCommand({
  usage: 'images [--namespace NAME] [--json] [--address SOCKET]',
  summary: 'list the images that the bucket or containerd knows',
  options: { ...CLIENT_OPTIONS, namespace: { type: 'string' } },
  async run({ values, terminal }) {
    using client = openClient(values);
    const list = await client.images({ namespace: values.namespace });
    if (values.json) writeJson(terminal.stdout, list);
    else terminal.stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

function rowOf(image: ImageSummary): string[] {
  const { name, digest, platform, layers, publishedAt = '-' } = image;
  const places = [...(image.inBucket ? ['bucket'] : []), ...(image.inContainerd ? ['containerd'] : [])];
  const here = layers.filter((layer) => layer.here).length;
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  return [
    name,
    formatDigest(digest),
    platform,
    places.join(', '),
    `${here}/${layers.length}`,
    formatBytes(sizeBytes),
    publishedAt,
  ];
}
