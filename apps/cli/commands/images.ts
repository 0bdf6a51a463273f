import type { ImageSummary, StartKind } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { findImages } from '../find-images.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { formatDuration } from '../format-duration.ts';
import { formatTable, type Column } from '../format-table.ts';
import { formatImage } from '../image-details.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'IMAGE' },
  { title: 'DIGEST' },
  { title: 'PLATFORM' },
  { title: 'IN' },
  { title: 'LAYERS HERE', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'FIRST', align: 'right' },
  { title: 'COLD', align: 'right' },
  { title: 'WARM', align: 'right' },
  { title: 'PUBLISHED' },
];

export const images = defineCommand({
  usage: 'images [IMAGE] [--namespace NAME] [--json] [--address SOCKET]',
  summary: 'list the images that the bucket or containerd knows, or show layers and starts of one',
  options: { ...CLIENT_OPTIONS, namespace: { type: 'string' } },
  more: 'one',
  async run({ values, operands: [wanted], terminal }) {
    using client = openClient(values);
    const all = await client.images({ namespace: values.namespace });
    const list = wanted === undefined ? all : findImages(wanted, all);
    if (values.json) writeJson(terminal.stdout, list);
    else if (wanted !== undefined) {
      const layers = await client.layers();
      terminal.stdout.write(list.map((image) => formatImage(image, layers)).join('\n'));
    } else terminal.stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

/** How long the last start of a kind took. */
function lastOf(kind: StartKind, { starts = [] }: ImageSummary): string {
  const start = starts.find((each) => each.kind === kind);
  return start ? formatDuration(start.ms) : '-';
}

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
    lastOf('first', image),
    lastOf('cold', image),
    lastOf('warm', image),
    publishedAt,
  ];
}
