import type { ContainerSummary, ControlClient, Status } from '@lade/control-protocol';
import { formatBytes } from './format-bytes.ts';
import { READ_COLUMNS, readCells } from './container-reads.ts';
import { formatTable } from './format-table.ts';

/** What a node says of itself at one moment. */
export interface TopFigures {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly status: Status;
  readonly containers: readonly ContainerSummary[];
  readonly residentBytes: number;
  readonly blobBytes: number;
}

export async function measure(client: ControlClient, namespace: string | undefined): Promise<TopFigures> {
  const [status, layers, containers] = await Promise.all([
    client.status(),
    client.layers(),
    client.containers.list({ namespace }).catch(() => []),
  ]);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    at: Date.now(),
    status,
    containers: containers.filter(({ state }) => state === 'running'),
    residentBytes: sum(layers.map(({ residentBytes }) => residentBytes)),
    blobBytes: sum(layers.map(({ blobBytes }) => blobBytes)),
  };
}

/** What there is, and what happened each second since the last time. */
export function formatTop(before: TopFigures, now: TopFigures): string {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  const rate = (of: (status: Status) => number): number =>
    Math.max(0, of(now.status) - of(before.status)) / seconds;
  const bucket = (field: 'requests' | 'receivedBytes' | 'sentBytes') => (status: Status) =>
    Object.values(status.bucketRequests).reduce((total, figures) => total + figures[field], 0);
  const waits = rate(({ residency }) => residency.waits);
  const waitMs = rate(({ residency }) => residency.waitMs);
  const lines = [
    `layers   ${now.status.layers}, ${formatBytes(now.residentBytes)} of ${formatBytes(now.blobBytes)} resident`,
    `fills    ${formatBytes(rate(({ residency }) => residency.fetchedBytes))}/s from the bucket`,
    `readers  ${waits.toFixed(1)} waits/s, ${waits === 0 ? 0 : (waitMs / waits).toFixed(1)} ms each`,
    `bucket   ${rate(bucket('requests')).toFixed(1)} requests/s, ${formatBytes(rate(bucket('receivedBytes')))}/s in, ` +
      `${formatBytes(rate(bucket('sentBytes')))}/s out`,
    `uploads  ${now.status.uploads.waiting} waiting`,
  ];
  const rows = now.containers.map((container) => {
    const { id, image, pid } = container;
    return [id, image, String(pid ?? ''), ...readCells(container)];
  });
  const columns = [
    { title: 'CONTAINER' },
    { title: 'IMAGE' },
    { title: 'PID', align: 'right' },
    ...READ_COLUMNS,
  ] as const;
  return `${lines.join('\n')}\n\n${formatTable(columns, rows)}`;
}
