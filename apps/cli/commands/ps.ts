import type { ContainerSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatTable, type Column } from '../format-table.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'CONTAINER' },
  { title: 'IMAGE' },
  { title: 'STATE' },
  { title: 'PID', align: 'right' },
  { title: 'STARTED' },
  { title: 'START', align: 'right' },
  { title: 'SNAPSHOTTER' },
];

export const ps = defineCommand({
  usage: 'ps [-a|--all] [-q|--quiet] [--namespace NAME] [--json] [--address SOCKET]',
  summary: 'list the containers that run, or all; -q only their names',
  options: {
    ...CLIENT_OPTIONS,
    namespace: { type: 'string' },
    all: { type: 'boolean', short: 'a' },
    quiet: { type: 'boolean', short: 'q' },
  },
  async run({ values: { all, quiet, json, namespace, ...values }, terminal: { stdout } }) {
    using client = openClient(values);
    const list = (await client.containers.list({ namespace })).filter((container) => all || runs(container));
    if (quiet) stdout.write(list.map(({ id }) => `${id}\n`).join(''));
    else if (json) writeJson(stdout, list);
    else stdout.write(formatTable(COLUMNS, list.map(rowOf)));
    return 0;
  },
});

function runs({ state }: ContainerSummary): boolean {
  return state !== 'stopped' && state !== 'none';
}

function rowOf({
  id,
  image,
  state,
  pid,
  startedAt,
  startMs,
  snapshotter,
  exitStatus,
}: ContainerSummary): string[] {
  const ended = exitStatus === undefined ? '' : ` (${exitStatus})`;
  const start = startMs === undefined ? '' : `${(startMs / 1000).toFixed(2)} s`;
  return [id, image, `${state}${ended}`, String(pid ?? ''), startedAt ?? '', start, snapshotter];
}
