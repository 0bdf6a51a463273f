import type {
  BucketHealthStatus,
  BucketRequests,
  FillSource,
  ResidencyStatus,
  Status,
} from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatDuration } from '../format-duration.ts';
import { formatLocalTime } from '../format-time.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { writeJson } from '../write-json.ts';

type Line = [name: string, value: string];

/** Less is no trouble for any store. */
const SKEW_MS = 60_000;

export const status = defineCommand({
  usage: 'status [OPTIONS]',
  summary: 'show what the daemon works with, has brought, and has to upload',
  options: CLIENT_OPTIONS,
  async run({ values, terminal }) {
    using client = openClient(values);
    const now = await client.status();
    if (values.json) writeJson(terminal.stdout, now);
    else terminal.stdout.write(format(now));
    return 0;
  },
});

function format(status: Status): string {
  const { version, node, root, bucket, fillMode, containerd, uploads, residency, bucketRequests, keeper } =
    status;
  const lines: Line[] = [
    ['version', version],
    ['node', node],
    ['root', root],
    ['bucket', bucket],
    ...describeBucket(status.bucketHealth),
    ['fill mode', fillMode],
    ['containerd', containerd ?? 'not reached'],
    ['layers', describeLayers(status)],
    ...describeResidency(residency),
    ['requests', describeRequests(bucketRequests)],
    ['uploads', `${uploads.waiting} waiting`],
  ];
  if (keeper) lines.push(['keeper', `${keeper.restarts} restarts of the daemon`]);
  if (uploads.lastError !== undefined) lines.push(['last error', uploads.lastError]);
  return lines.map(([name, value]) => `${name.padEnd(12)}${printable(value)}\n`).join('');
}

function describeBucket({ state, since, lastError, clockAheadMs = 0 }: BucketHealthStatus): Line[] {
  const lines: Line[] = [['health', state === 'unknown' ? 'nothing was asked of the bucket yet' : state]];
  if (state !== 'healthy' && lastError !== undefined) {
    lines[0] = ['health', `${state} since ${formatLocalTime(since)}: ${lastError.message}`];
    if (lastError.cure !== undefined) lines.push(['cure', lastError.cure]);
  }
  if (Math.abs(clockAheadMs) < SKEW_MS) return lines;
  const minutes = Math.round(Math.abs(clockAheadMs) / 60_000);
  lines.push(['clock', `${minutes} min ${clockAheadMs > 0 ? 'behind' : 'ahead of'} that of the bucket`]);
  lines.push(['cure', 'Set the clock of this node, and keep it set with NTP']);
  return lines;
}

function describeLayers({ layers, plainSnapshots }: Status): string {
  return plainSnapshots === 0 ? String(layers) : `${layers}, ${plainSnapshots} more as plain snapshots`;
}

const SOURCES: readonly (readonly [FillSource, string])[] = [
  ['bucket', 'from packs of the bucket'],
  ['hot', 'from its hot chunks'],
  ['copied', 'copied from other layers here'],
  ['adopted', 'found in their own file'],
  ['zero', 'nothing but zeros'],
];

function describeFills({ fills, readWaits }: ResidencyStatus): Line[] {
  return SOURCES.filter(([source]) => fills[source].chunks > 0).map(([source, words], i) => {
    const { chunks, bytes } = fills[source];
    const { reads, ms } = readWaits[source];
    const waits = reads === 0 ? '' : `, ${reads} reads waited ${formatDuration(ms / reads)} each`;
    return [i === 0 ? 'chunks' : '', `${chunks} ${words}, ${formatBytes(bytes)}${waits}`];
  });
}

function describeResidency(done: ResidencyStatus): Line[] {
  const { fetchedBytes, requests } = done;
  return [
    ...describeFills(done),
    [
      'fetched',
      `${formatBytes(fetchedBytes)} in ${requests} requests, ${done.retries} retries, ${done.hedges} hedges`,
    ],
    ['damage', `${done.verificationFailures} found, ${done.healed} healed`],
    ['failed', `${done.failedChunks} chunks`],
    ['waits', `${done.waits} reads, ${(done.waitMs / 1000).toFixed(1)} s in all`],
    ['evicted', formatBytes(done.evictedBytes)],
  ];
}

function describeRequests(requests: BucketRequests): string {
  const { read, write, list, delete: deletion } = requests;
  const sum = (name: keyof typeof read): number =>
    Object.values(requests).reduce((total, figures) => total + figures[name], 0);
  return [
    `${read.requests} reads, ${write.requests} writes, ${list.requests} lists, ${deletion.requests} deletions`,
    `${sum('errors')} errors`,
    `${formatBytes(sum('receivedBytes'))} received, ${formatBytes(sum('sentBytes'))} sent`,
  ].join(', ');
}
