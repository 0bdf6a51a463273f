import type { ContainerSummary, ContainerReads } from '@lade/control-protocol';
import { formatBytes } from './format-bytes.ts';
import { formatDigest } from './format-digest.ts';
import { formatDuration } from './format-duration.ts';
import { formatTable, type Column } from './format-table.ts';

export const READ_COLUMNS: readonly Column[] = [
  { title: 'START', align: 'right' },
  { title: 'KIND' },
  { title: 'READ', align: 'right' },
  { title: 'WAITED', align: 'right' },
];

const FILES: readonly Column[] = [
  { title: 'LAYER' },
  { title: 'READ', align: 'right' },
  { title: 'OF', align: 'right' },
  { title: 'WAITS', align: 'right' },
  { title: 'WAITED', align: 'right' },
  { title: 'FILE' },
];

const NOT_SEEN = 'not seen';

/** For READ_COLUMNS: how a container has started, and what it has read since. */
export function readCells({ startMs, start, reads }: ContainerSummary): string[] {
  const ms = startMs ?? start?.ms;
  return [
    ms === undefined ? '' : formatDuration(ms),
    start?.kind ?? '',
    ...(reads === undefined ? ['', ''] : figuresOf(reads)),
  ];
}

function figuresOf(reads: ContainerReads): readonly string[] {
  return isSeen(reads) ? [formatBytes(reads.bytes), formatDuration(reads.waitMs)] : [NOT_SEEN, NOT_SEEN];
}

/** Of layers that are here as a whole the kernel asks nobody: that nothing was seen does not mean that nothing was read. */
function isSeen({ requests, unseenLayers = [] }: ContainerReads): boolean {
  return requests > 0 || unseenLayers.length === 0;
}

/** What one container has read, file by file. */
export function formatReads({ reads }: ContainerSummary): string {
  if (!reads) return 'its layers are not ours\n';
  const { requests, bytes, waits, waitMs, filledBytes, unattributed, files = [], unseenLayers = [] } = reads;
  const lines = [
    ...(isSeen(reads)
      ? [
          `read    ${formatBytes(bytes)} in ${requests} requests`,
          `waited  ${formatDuration(waitMs)} in ${waits} of them, for ${formatBytes(filledBytes)}`,
        ]
      : ['read    not seen: the kernel reads layers that are here as a whole without asking']),
    ...(unattributed ? [besides(unattributed)] : []),
    ...(unseenLayers.length > 0 ? [`unseen  reads of ${unseenLayers.map(formatDigest).join(', ')}`] : []),
  ];
  const rows = files.map((file) => [
    formatDigest(file.diffId),
    formatBytes(file.bytes),
    formatBytes(file.sizeBytes),
    String(file.waits),
    formatDuration(file.waitMs),
    file.path,
  ]);
  return `${lines.join('\n')}\n${rows.length === 0 ? '' : `\n${formatTable(FILES, rows)}`}`;
}

/** What the daemon cannot put down to a container: before there is one, or by threads of the kernel. */
function besides({ bytes, waitMs }: NonNullable<ContainerReads['unattributed']>): string {
  return `others  ${formatBytes(bytes)} of its layers, waited ${formatDuration(waitMs)}: by its runtime or the kernel`;
}
