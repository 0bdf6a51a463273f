import type { ContainerSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatReads, READ_COLUMNS, readCells } from '../container-reads.ts';
import { formatTable, type Column } from '../format-table.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

const COLUMNS: readonly Column[] = [
  { title: 'CONTAINER' },
  { title: 'IMAGE' },
  { title: 'STATE' },
  { title: 'PID', align: 'right' },
  { title: 'STARTED' },
  ...READ_COLUMNS,
  { title: 'SNAPSHOTTER' },
];

export const ps = defineCommand({
  usage: 'ps [CONTAINER] [-a|--all] [-q|--quiet] [--namespace NAME] [--json] [--address SOCKET]',
  summary: 'list the containers that run, or all; -q only their names; of one, show what it has read',
  options: {
    ...CLIENT_OPTIONS,
    namespace: { type: 'string' },
    all: { type: 'boolean', short: 'a' },
    quiet: { type: 'boolean', short: 'q' },
  },
  more: 'one',
  async run({
    values: { all, quiet, json, namespace, ...values },
    operands: [wanted],
    terminal: { stdout },
  }) {
    using client = openClient(values);
    if (wanted !== undefined) {
      const container = await client.containers.get(wanted, { namespace });
      if (json) writeJson(stdout, container);
      else stdout.write(`${formatTable(COLUMNS, [rowOf(container)])}\n${formatReads(container)}`);
      return 0;
    }
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

function rowOf(container: ContainerSummary): string[] {
  const {
    id,
    image,
    state,
    pid,
    startedAt = container.start?.startedAt,
    snapshotter,
    exitStatus,
  } = container;
  const ended = exitStatus === undefined ? '' : ` (${exitStatus})`;
  const facts = [id, image, `${state}${ended}`, String(pid ?? ''), startedAt ?? ''];
  return [...facts, ...readCells(container), snapshotter];
}
