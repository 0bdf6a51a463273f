import type { DaemonEvent, EventQuery } from '@lade/control-protocol';
import { defineCommand, wrongUsage } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { writeJsonLine } from '../write-json.ts';

const USAGE =
  'events [-f|--follow] [--kind KIND] [--text TEXT] [--trace ID] [--since ID|TIME|DURATION] [--json] [--address SOCKET]';
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const KIND_WIDTH = 'containerd.snapshots.prepare'.length;
/** Fields that say what an event is about, in the order in which they are shown, without their names. */
const SUBJECTS = ['message', 'key', 'name', 'digest', 'ref'];

export const events = defineCommand({
  usage: USAGE,
  summary: 'tell what the daemon has done: with its bucket, for containerd, and by itself',
  options: {
    ...CLIENT_OPTIONS,
    follow: { type: 'boolean', short: 'f' },
    kind: { type: 'string' },
    text: { type: 'string' },
    trace: { type: 'string' },
    since: { type: 'string' },
  },
  check: ({ since }) => void startOf(since),
  async run({ values, terminal: { stdout } }) {
    using client = openClient(values);
    const { follow, kind, text, trace, since } = values;
    const query: EventQuery = {
      ...(kind === undefined ? {} : { kind }),
      ...(text === undefined ? {} : { text }),
      ...(trace === undefined ? {} : { traceId: trace }),
      ...(follow ? { follow } : {}),
      ...startOf(since),
    };
    for await (const event of client.events(query)) {
      if (values.json) writeJsonLine(stdout, event);
      else stdout.write(`${formatEvent(event)}\n`);
    }
    return 0;
  },
});

/** Throws `invalid_argument` for what is neither an id nor a time nor a duration. */
function startOf(since: string | undefined): Pick<EventQuery, 'since' | 'from'> {
  if (since === undefined) return {};
  if (/^\d+$/.test(since)) return { since: Number(since) };
  const [, count, unit = ''] = /^(\d+)(s|m|min|h|d)$/.exec(since) ?? [];
  const from = new Date(count === undefined ? since : Date.now() - Number(count) * (UNITS[unit] ?? 0));
  if (!Number.isNaN(from.getTime())) return { from: from.toISOString() };
  throw wrongUsage(`${since} is no id, time, or duration such as 10m`, `Usage: lade ${USAGE}`);
}

/** Time of day, kind, what it is about, size and duration, the rest by name. */
function formatEvent(event: DaemonEvent): string {
  if (event.kind === 'lost') return `… ${String(event['count'])} events came too fast`;
  const { id: _, time = '', kind, bytes, ms, code, ...fields } = event;
  const subject = SUBJECTS.map((name) => fields[name]).filter((value) => typeof value === 'string');
  const rest = Object.entries(fields).filter(([name]) => !SUBJECTS.includes(name));
  const about = [
    ...subject,
    ...(typeof bytes === 'number' ? [formatBytes(bytes)] : []),
    ...rest.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`),
    ...(typeof ms === 'number' ? [`${ms} ms`] : []),
    ...(typeof code === 'string' ? [code.toUpperCase()] : []),
  ];
  const when = printable(time).slice('yyyy-mm-ddT'.length, -1);
  return [when, printable(kind).padEnd(KIND_WIDTH), ...about.map(printable)].join('  ');
}
