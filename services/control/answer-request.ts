import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeError } from '@lade/control-protocol';
import type { Logger } from '@lade/log';
import type { ControlPlatform } from './control-platform.ts';
import { guardRequest } from './guard-request.ts';
import { RequestRefusal } from './request-refusal.ts';
import { findHandler } from './routes.ts';
import { statusOf } from './status-of.ts';

export interface AnswerContext {
  readonly platform: ControlPlatform;
  readonly log: Logger;
  readonly transport: 'unix' | 'tcp';
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
  try {
    guardRequest(request, context.transport);
    const answer = await findHandler(request)(context.platform, request, signal);
    if (answer === 'done') response.writeHead(204, { 'cache-control': 'no-store' }).end();
    else if ('document' in answer) writeDocument(response, 200, answer.document);
    else await writeEvents(response, answer.events);
  } catch (reason) {
    if (gone.signal.aborted) return;
    if (statusOf(reason) >= 500) {
      context.log.warn('control request failed', {
        method: request.method,
        path: request.url,
        error: reason,
      });
    }
    if (response.headersSent) response.destroy();
    else writeFailure(response, reason);
  }
}

/** Waits for the first event before it commits to a status, so that what fails at once is answered as a failure. */
async function writeEvents(response: ServerResponse, events: AsyncIterable<object>): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  const first = await iterator.next();
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  const rest = { [Symbol.asyncIterator]: () => iterator };
  try {
    await pipeline(Readable.from(lines(first, rest)), response);
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
  const body = Buffer.from(`${JSON.stringify(document)}\n`);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.byteLength,
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}
