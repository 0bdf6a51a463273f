import type { ImageSummary, LayerSummary, Start } from '@lade/control-protocol';
import { formatBytes } from './format-bytes.ts';
import { formatDigest } from './format-digest.ts';
import { formatDuration } from './format-duration.ts';
import { formatAge } from './format-time.ts';
import { formatTable, type Column } from './format-table.ts';

const LAYERS: readonly Column[] = [
  { title: 'LAYER' },
  { title: 'SIZE', align: 'right' },
  { title: 'ORIGIN' },
  { title: 'HERE', align: 'right' },
  { title: 'DISK', align: 'right' },
];

const STARTS: readonly Column[] = [
  { title: 'START' },
  { title: 'TOOK', align: 'right' },
  { title: 'PULL', align: 'right' },
  { title: 'WAITS', align: 'right' },
  { title: 'WAITED', align: 'right' },
  { title: 'FILLED', align: 'right' },
  { title: 'CONTAINER' },
  { title: 'AT' },
];

/** An image with its layers, as they are on this node, and its starts here. */
export function formatImage(
  { name, digest, platform, layers, starts = [] }: ImageSummary,
  here: readonly LayerSummary[],
): string {
  const known = new Map(here.map((layer) => [layer.diffId, layer]));
  const rows = layers.map(({ diffId, sizeBytes }) => [
    formatDigest(diffId),
    formatBytes(sizeBytes),
    ...placeOf(known.get(diffId)),
  ]);
  const started = starts.length === 0 ? 'no starts here\n' : formatTable(STARTS, starts.map(rowOf));
  return `${name} ${digest} ${platform}\n\n${formatTable(LAYERS, rows)}\n${started}`;
}

function placeOf(layer: LayerSummary | undefined): string[] {
  if (!layer) return ['-', '-', '-'];
  const { origin, blobBytes, residentBytes, diskBytes } = layer;
  const share = blobBytes === 0 ? 100 : Math.floor((100 * residentBytes) / blobBytes);
  return [origin, `${share}%`, formatBytes(diskBytes)];
}

function rowOf({ kind, ms, pullMs, waits, waitMs, filledBytes, container, startedAt }: Start): string[] {
  const pull = pullMs === undefined ? '' : formatDuration(pullMs);
  const waited = [String(waits), formatDuration(waitMs), formatBytes(filledBytes)];
  return [kind, formatDuration(ms), pull, ...waited, container, formatAge(startedAt)];
}
