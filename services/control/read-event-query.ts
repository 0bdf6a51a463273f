import type { IncomingMessage } from 'node:http';
import type { EventQuery } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';

/** What a request for events wants; a client that comes back says in Last-Event-ID where it was. Throws `invalid_argument`. */
export function readEventQuery({ url = '', headers }: IncomingMessage): EventQuery {
  const query = new URLSearchParams(url.split('?')[1]);
  const [kind, text, traceId] = [query.get('kind'), query.get('text'), query.get('traceId')];
  const follow = query.get('follow') ?? 'false';
  if (follow !== 'true' && follow !== 'false') throw unusable('follow', follow, 'true or false');
  return {
    ...(kind === null ? {} : { kind }),
    ...(text === null ? {} : { text }),
    ...(traceId === null ? {} : { traceId: traceIn(traceId) }),
    ...startOf(String(headers['last-event-id'] ?? query.get('since') ?? '')),
    ...tailIn(query.get('tail')),
    follow: follow === 'true',
  };
}

function traceIn(value: string): string {
  if (/^[\da-f]{32}$/.test(value)) return value;
  throw unusable('traceId', value, '32 hex digits');
}

function tailIn(value: string | null): Pick<EventQuery, 'tail'> {
  if (value === null) return {};
  if (/^\d{1,9}$/.test(value)) return { tail: Number(value) };
  throw unusable('tail', value, 'a number of events');
}

function startOf(since: string): Pick<EventQuery, 'since' | 'from'> {
  if (since === '') return {};
  if (/^\d{1,16}$/.test(since)) return { since: Number(since) };
  const from = new Date(since);
  if (Number.isNaN(from.getTime())) throw unusable('since', since, 'the id of an event, or a time');
  return { from: from.toISOString() };
}

function unusable(name: string, value: string, wanted: string): CodedError {
  return new CodedError(
    'invalid_argument',
    `Cannot read the request: ${name} is ${JSON.stringify(value)}, want ${wanted}`,
  );
}
