import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeError } from '@lade/control-protocol';
import type { Logger } from '@lade/log';
import type { ControlPlatform } from './control-platform.ts';
import { guardRequest } from './guard-request.ts';
import { RequestRefusal } from './request-refusal.ts';
import { findHandler } from './routes.ts';
import { statusOf } from './status-of.ts';
import type { StreamPlaces } from './stream-places.ts';
import { writeEvents } from './write-events.ts';

export interface AnswerContext {
  readonly platform: ControlPlatform;
  readonly log: Logger;
  readonly transport: 'unix' | 'tcp';
  readonly streams: StreamPlaces;
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
    if ('document' in answer) writeDocument(response, 200, answer.document);
    else {
      using _ = context.streams.take();
      await writeEvents(request, response, answer);
    }
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
