import type { ContainerSummary } from '@lade/control-protocol';
import { defineCommand } from '../command.ts';
import { formatReads, READ_COLUMNS, readCells } from '../container-reads.ts';
import { FILTER, parseFilters } from '../filters.ts';
import { formatTable, type Column } from '../format-table.ts';
import { formatAge } from '../format-time.ts';
import { matchesReference } from '../matches-reference.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
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

/** Other states have the same names here as with docker. */
const STATES: Readonly<Record<string, string>> = { exited: 'stopped', dead: 'none' };
const FILTERS = {
  name: ({ id }: ContainerSummary, part: string) => id.includes(part),
  image: ({ image }: ContainerSummary, pattern: string) => matchesReference(image, pattern),
  status: ({ state }: ContainerSummary, wanted: string) => state === (STATES[wanted] ?? wanted),
};

export const ps = defineCommand({
  usage: 'ps [OPTIONS] [CONTAINER]',
  summary: 'list the containers that run, or show what one has read',
  options: {
    all: { type: 'boolean', short: 'a', description: 'also those that do not run' },
    quiet: { type: 'boolean', short: 'q', description: 'only their names' },
    filter: {
      ...FILTER,
      description: 'only some: name=web, image=python:3.*, status=running, status=exited …',
    },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  more: 'one',
  check: ({ filter }) => void parseFilters(filter, FILTERS),
  async run({ values: { all, quiet, json, filter, ...values }, operands: [wanted], terminal: { stdout } }) {
    using client = openClient(values);
    const scope = namespaceIn(values);
    if (wanted !== undefined) {
      const container = await client.containers.get(wanted, scope);
      if (json) writeJson(stdout, container);
      else stdout.write(`${formatTable(COLUMNS, [rowOf(container)])}\n${formatReads(container)}`);
      return 0;
    }
    const isAll = all || filter?.some((text) => text.startsWith('status='));
    const suits = parseFilters(filter, FILTERS);
    const list = (await client.containers.list(scope)).filter(
      (container) => (isAll || runs(container)) && suits(container),
    );
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
  const facts = [id, image, `${state}${ended}`, String(pid ?? ''), formatAge(startedAt)];
  return [...facts, ...readCells(container), snapshotter];
}
