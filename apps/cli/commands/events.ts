import type { DaemonEvent, EventQuery } from '@lade/control-protocol';
import { defineCommand, wrongUsage } from '../command.ts';
import { formatBytes } from '../format-bytes.ts';
import { formatLocalTime } from '../format-time.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { printable } from '../printable.ts';
import { writeJsonLine } from '../write-json.ts';

/** As many as one can look over, when more is to come. */
const TAIL_OF_FOLLOWED = 10;
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
  usage: 'events [OPTIONS]',
  summary: 'tell what the daemon has done, with its bucket and for containerd',
  options: {
    follow: { type: 'boolean', short: 'f', description: 'go on with what happens from now on' },
    tail: {
      type: 'string',
      argument: 'N',
      description: `only the last so many; default: all, with -f ${TAIL_OF_FOLLOWED} unless there is --since`,
    },
    since: {
      type: 'string',
      argument: 'ID|TIME|DURATION',
      description: 'only what came after: the id of an event, 2026-11-27T10:00, or 10m',
    },
    kind: {
      type: 'string',
      argument: 'KIND',
      description: 'only what begins so, such as bucket.put or log.warn',
    },
    text: { type: 'string', argument: 'TEXT', description: 'only what has this in it, such as a digest' },
    trace: { type: 'string', argument: 'ID', description: 'only what belongs to one pull or other request' },
    ...CLIENT_OPTIONS,
  },
  lacking: { '--filter': 'Use --kind, --text or --trace', '--until': 'Use --since and --tail' },
  check({ since, trace, tail }) {
    startOf(since);
    if (trace !== undefined && !/^[0-9a-f]{32}$/.test(trace))
      throw wrongUsage(
        `--trace ${trace} is no id of 32 hex digits`,
        'Take the traceId of an event: lade events --json',
      );
    if (tail !== undefined && !/^(?:\d{1,9}|all)$/.test(tail))
      throw wrongUsage(`--tail ${tail} is no number of events, or all`, 'Use --tail 100');
  },
  async run({ values, terminal: { stdout } }) {
    using client = openClient(values);
    const {
      follow,
      kind,
      text,
      trace,
      since,
      tail = follow && !since ? `${TAIL_OF_FOLLOWED}` : 'all',
    } = values;
    const query: EventQuery = {
      ...(kind === undefined ? {} : { kind }),
      ...(text === undefined ? {} : { text }),
      ...(trace === undefined ? {} : { traceId: trace }),
      ...(tail === 'all' ? {} : { tail: Number(tail) }),
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
  throw wrongUsage(`${since} is no id, time, or duration such as 10m`, 'Use --since 10m');
}

/** Local time, kind, what it is about, size and duration, the rest by name. */
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
  const when = printable(formatLocalTime(time));
  return [when, printable(kind).padEnd(KIND_WIDTH), ...about.map(printable)].join('  ');
}
