import type { ImageSummary, StartKind } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { FILTER, parseFilters } from '../filters.ts';
import { findImages } from '../find-images.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDigest } from '../format-digest.ts';
import { formatDuration } from '../format-duration.ts';
import { formatAge } from '../format-time.ts';
import { formatTable, type Column } from '../format-table.ts';
import { formatImage } from '../image-details.ts';
import { matchesReference } from '../matches-reference.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
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

const FILTERS = {
  reference: ({ name }: ImageSummary, pattern: string) => matchesReference(name, pattern),
  in({ inBucket, inContainerd }: ImageSummary, place: string) {
    return (
      {
        bucket: inBucket,
        containerd: inContainerd,
        both: inBucket && inContainerd,
      }[place] === true
    );
  },
};

export const images = defineCommand({
  usage: 'images [OPTIONS] [IMAGE]',
  summary: 'list the images of bucket and containerd, or show layers and starts of one',
  options: {
    quiet: { type: 'boolean', short: 'q', description: 'only their names' },
    filter: {
      ...FILTER,
      description: 'only some: reference=python:3.* or in=bucket, in=containerd, in=both',
    },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  lacking: { '-a': 'Leave it out: all are shown', '--all': 'Leave it out: all are shown' },
  more: 'one',
  check: ({ filter }) => void parseFilters(filter, FILTERS),
  async run({ values, operands: [wanted], terminal }) {
    using client = openClient(values);
    const suits = parseFilters(values.filter, FILTERS);
    const all = (await client.images(namespaceIn(values))).filter(suits);
    const list = wanted === undefined ? all : findImages(wanted, all);
    if (values.quiet) terminal.stdout.write(formatNames(list));
    else if (values.json) writeJson(terminal.stdout, list);
    else if (wanted !== undefined) {
      const layers = await client.layers();
      terminal.stdout.write(list.map((image) => formatImage(image, layers)).join('\n'));
    } else terminal.stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

/** An image of several platforms has one name. */
function formatNames(images: readonly ImageSummary[]): string {
  return [...new Set(images.map(({ name }) => `${printable(name)}\n`))].join('');
}

/** How long the last start of a kind took. */
function lastOf(kind: StartKind, { starts = [] }: ImageSummary): string {
  const start = starts.find((each) => each.kind === kind);
  return start ? formatDuration(start.ms) : '-';
}

function rowOf(image: ImageSummary): string[] {
  const { name, digest, platform, layers, publishedAt } = image;
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
    formatAge(publishedAt) || '-',
  ];
}
