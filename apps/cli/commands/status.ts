import type { BucketRequests, ResidencyStatus, Status } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { writeJson } from '../write-json.ts';

export const status = defineCommand({
  usage: 'status [--json] [--address SOCKET]',
  summary: 'show what the daemon works with, what it has brought, and what it still has to upload',
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
  const { version, root, bucket, fillMode, containerd, uploads, residency, bucketRequests, keeper } = status;
  const lines: [name: string, value: string][] = [
    ['version', version],
    ['root', root],
    ['bucket', bucket],
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

function describeLayers({ layers, plainSnapshots }: Status): string {
  return plainSnapshots === 0 ? String(layers) : `${layers}, ${plainSnapshots} more as plain snapshots`;
}

function describeResidency(done: ResidencyStatus): [name: string, value: string][] {
  const { fetchedChunks, copiedChunks, adoptedChunks, zeroChunks, fetchedBytes, requests } = done;
  return [
    [
      'chunks',
      `${fetchedChunks} fetched, ${copiedChunks} copied, ${adoptedChunks} found here, ${zeroChunks} zeros`,
    ],
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
