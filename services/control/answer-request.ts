import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeError } from '@lade/control-protocol';
import type { Logger } from '@lade/log';
import { createTrace, inTrace, parseTraceparent, type TraceContext } from '@lade/tracing';
import type { ControlPlatform } from './control-platform.ts';
import { findRoute } from './find-route.ts';
import { guardRoute, guardSite, type Transport } from './guard-request.ts';
import { RequestRefusal } from './request-refusal.ts';
import { beginRequestSpan, type RequestSpan } from './request-span.ts';
import type { Answer, Route } from './route.ts';
import { ROUTES } from './routes.ts';
import { statusOf } from './status-of.ts';
import type { StreamPlaces } from './stream-places.ts';
import { writeEvents } from './write-events.ts';

/** A client that reads nothing for so long has gone. */
const STALL_MS = 60_000;

export interface AnswerContext {
  readonly platform: ControlPlatform;
  readonly log: Logger;
  readonly transport: Transport;
  readonly streams: StreamPlaces;
  readonly signal: AbortSignal;
}

/**
 * Answers one request, whatever happens; resolves when the answer is out or its client has gone. What it leads to is of the trace that
 * the client names in `traceparent`, or of a new one.
 */
export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  context: AnswerContext,
): Promise<void> {
  const trace = parseTraceparent(String(request.headers['traceparent'] ?? '')) ?? createTrace();
  await inTrace(trace, async () => answerInTrace(request, response, { ...context, trace }));
}

async function answerInTrace(
  request: IncomingMessage,
  response: ServerResponse,
  context: AnswerContext & { readonly trace: TraceContext },
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([context.signal, gone.signal]);
  const { platform, transport, streams, trace, log } = context;
  const [path = '', query] = (request.url ?? '').split('?', 2);
  let span: RequestSpan | undefined;
  try {
    guardSite(request, transport);
    const { route, parameters } = findRoute(ROUTES, request.method ?? '', path);
    span = beginRequestSpan(request, { route, trace });
    guardRoute(request, transport, route);
    endWhenStalled(response, route);
    const call = { request, parameters, query: new URLSearchParams(query), signal };
    const begun = (): void => span?.answered(response.statusCode);
    const answer = async (): Promise<void> =>
      writeAnswer(request, response, { answer: await route.handle(platform, call), streams, begun });
    await (span ? span.around(answer) : answer());
  } catch (reason) {
    if (gone.signal.aborted) return span?.left();
    span?.failed(reason);
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
  request: IncomingMessage,
  response: ServerResponse,
  {
    answer,
    streams,
    begun,
  }: { readonly answer: Answer; readonly streams: StreamPlaces; readonly begun: () => void },
): Promise<void> {
  if ('document' in answer) writeDocument(response, 200, answer.document);
  else if ('text' in answer) writeBody(response, 200, answer.text, answer.type);
  else if ('done' in answer) response.writeHead(204, { 'cache-control': 'no-store' }).end();
  else {
    using _ = streams.take();
    await writeEvents(request, response, { ...answer, begun });
    return;
  }
  begun();
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
