import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeError } from '@lade/control-protocol';
import type { Logger } from '@lade/log';
import type { ControlPlatform } from './control-platform.ts';
import { findRoute } from './find-route.ts';
import { guardRoute, guardSite, type Transport } from './guard-request.ts';
import { RequestRefusal } from './request-refusal.ts';
import type { Answer, Route } from './route.ts';
import { ROUTES } from './routes.ts';
import { statusOf } from './status-of.ts';

/** Of one transport, so that no web page can take them from the command line. */
const MAX_STREAMS = 64;
/** A client that reads nothing for so long has gone. */
const STALL_MS = 60_000;
const STREAM_HEADERS = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } as const;

export interface AnswerContext {
  readonly platform: ControlPlatform;
  readonly log: Logger;
  readonly transport: Transport;
  readonly streams: Set<ServerResponse>;
  readonly signal: AbortSignal;
}

/** Answers one request, whatever happens; resolves when the answer is out or its client has gone. */
export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  context: AnswerContext,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([context.signal, gone.signal]);
  const { platform, transport, streams, log } = context;
  const [path = '', query] = (request.url ?? '').split('?', 2);
  try {
    guardSite(request, transport);
    const { route, parameters } = findRoute(ROUTES, request.method ?? '', path);
    guardRoute(request, transport, route);
    endWhenStalled(response, route);
    const call = { request, parameters, query: new URLSearchParams(query), signal };
    await writeAnswer(response, await route.handle(platform, call), streams);
  } catch (reason) {
    if (gone.signal.aborted) return;
    if (statusOf(reason) >= 500) {
      log.warn('control request failed', { method: request.method, path, error: reason });
    }
    if (response.headersSent) response.destroy();
    else writeFailure(response, reason);
  }
}

/** Who has the token may look at the output of a container as slowly as a pager does. */
function endWhenStalled(response: ServerResponse, { access }: Route): void {
  if (access === 'token') return;
  response.setTimeout(STALL_MS, () => {
    if (response.writableLength > 0) response.destroy();
  });
}

async function writeAnswer(
  response: ServerResponse,
  answer: Answer,
  streams: Set<ServerResponse>,
): Promise<void> {
  if ('document' in answer) writeDocument(response, 200, answer.document);
  else if ('text' in answer) writeBody(response, 200, answer.text, answer.type);
  else if ('done' in answer) response.writeHead(204, { 'cache-control': 'no-store' }).end();
  else await writeStream(response, answer.events, streams);
}

async function writeStream(
  response: ServerResponse,
  events: AsyncIterable<object>,
  streams: Set<ServerResponse>,
): Promise<void> {
  if (streams.size >= MAX_STREAMS) {
    throw new RequestRefusal(
      429,
      'resource_exhausted',
      `Cannot open another stream: ${MAX_STREAMS} are open`,
      {
        cure: 'End some of those who follow, such as consoles in other windows',
      },
    );
  }
  // What would happen is no question to ask by doing it.
  if (response.req.method === 'HEAD') {
    response.writeHead(200, STREAM_HEADERS).end();
    return;
  }
  streams.add(response);
  try {
    await writeEvents(response, events);
  } finally {
    streams.delete(response);
  }
}

/** Waits for the first event before it commits to a status, so that what fails at once is answered as a failure. */
async function writeEvents(response: ServerResponse, events: AsyncIterable<object>): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    const first = await iterator.next();
    response.writeHead(200, STREAM_HEADERS);
    const rest = { [Symbol.asyncIterator]: () => iterator };
    await pipeline(Readable.from(lines(first, rest), { highWaterMark: 1 }), response);
  } finally {
    await iterator.return?.();
  }
}

async function* lines(first: IteratorResult<object>, rest: AsyncIterable<object>): AsyncGenerator<string> {
  if (!first.done) yield `${JSON.stringify(first.value)}\n`;
  try {
    for await (const event of rest) yield `${JSON.stringify(event)}\n`;
  } catch (reason) {
    yield `${JSON.stringify({ kind: 'error', error: encodeError(reason) })}\n`;
  }
}

function writeFailure(response: ServerResponse, reason: unknown): void {
  const headers = reason instanceof RequestRefusal ? reason.headers : {};
  writeDocument(response, statusOf(reason), { error: encodeError(reason) }, headers);
}

function writeDocument(
  response: ServerResponse,
  status: number,
  document: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  writeBody(response, status, `${JSON.stringify(document)}\n`, 'application/json', headers);
}

function writeBody(
  response: ServerResponse,
  status: number,
  text: string,
  ...[type, headers = {}]: readonly [type: string, headers?: Readonly<Record<string, string>>]
): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    'content-type': type,
    'content-length': body.byteLength,
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}
