import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeError } from '@lade/control-protocol';

/** What keeps proxies from closing a quiet stream, and lets a dead client be noticed. */
const HEARTBEAT_MS = 15_000;

export interface EventStream {
  readonly events: AsyncIterable<object>;
  /** It may be long until the first event comes, and nothing can fail before: the answer begins without it. */
  readonly isEndless?: boolean;
  /** The answer begins after so long, though no event has come: what fails is known by then. */
  readonly opensAfterMs?: number;
}

/**
 * Writes events one by one: to a client that accepts text/event-stream as the HTML standard has it, else as JSON lines. What
 * fails before the first event is thrown, so that it is answered as a failure; with it, the answer has `begun`.
 */
export async function writeEvents(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  { events, isEndless = false, opensAfterMs, begun }: EventStream & { readonly begun: () => void },
): Promise<void> {
  const isSse = /\btext\/event-stream\b/.test(headers.accept ?? '');
  const iterator = events[Symbol.asyncIterator]();
  try {
    const first = isEndless || method === 'HEAD' ? undefined : iterator.next();
    await within(first, opensAfterMs);
    response.writeHead(200, {
      'content-type': isSse ? 'text/event-stream' : 'application/x-ndjson',
      'cache-control': 'no-store',
    });
    response.flushHeaders();
    begun();
    if (method === 'HEAD') {
      response.end();
      return;
    }
    using _ = isSse ? beat(response) : undefined;
    const rest = { [Symbol.asyncIterator]: () => iterator };
    await pipeline(Readable.from(frames(first, rest, isSse ? toSse : toLine)), response);
  } finally {
    await iterator.return?.();
  }
}

/** Resolves when something has come, or enough time has gone. */
async function within(first: Promise<unknown> | undefined, ms: number | undefined): Promise<void> {
  if (ms === undefined) return void (await first);
  const enough = new AbortController();
  try {
    await Promise.race([first, sleep(ms, undefined, { signal: enough.signal, ref: false })]);
  } finally {
    enough.abort();
  }
}

async function* frames(
  first: Promise<IteratorResult<object>> | undefined,
  rest: AsyncIterable<object>,
  encode: (event: object) => string,
): AsyncGenerator<string> {
  try {
    const event = await first;
    if (event && !event.done) yield encode(event.value);
    for await (const event of rest) yield encode(event);
  } catch (reason) {
    yield encode({ kind: 'error', error: encodeError(reason) });
  }
}

function toLine(event: object): string {
  return `${JSON.stringify(event)}\n`;
}

function toSse(event: object): string {
  const id = 'id' in event ? `id: ${String(event.id)}\n` : '';
  return `${id}data: ${JSON.stringify(event)}\n\n`;
}

/** A comment between two frames now and then, unless the client is behind anyway. */
function beat(response: ServerResponse): Disposable {
  const timer = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, HEARTBEAT_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
