import type { IncomingMessage } from 'node:http';
import { codeOf } from '@lade/errors';
import { HeldSpan, type Attributes, type TraceContext } from '@lade/tracing';
import type { Route } from './route.ts';
import { statusOf } from './status-of.ts';

/** Of a read that nobody traces it is told when it took so long. */
const SLOW_MS = 1_000;
const SERVER_ERROR = 500;

/** Scraped by machines, for ever. */
const NEVER_TOLD: readonly Route['path'][] = ['/metrics'];

/** A request as a span, by OpenTelemetry's conventions for HTTP. */
export interface RequestSpan {
  /** What `work` leads to lies in it. */
  around<T>(work: () => T): T;
  /** The answer has begun: what is still to come of it is not part of the span. Only the first call counts. */
  answered(status: number): void;
  /** The answer is a failure. */
  failed(reason: unknown): void;
  /** The client has gone before there was an answer. */
  left(): void;
}

/**
 * Undefined where nobody wants spans. A request that changes something is told, and one whose client has sent `traceparent`, as far
 * as the sampler says; of other reads, of which a console that is open makes one a second, those that fail on our side or are slow.
 */
export function beginRequestSpan(
  request: IncomingMessage,
  { route, trace }: { readonly route: Route; readonly trace: TraceContext },
): RequestSpan | undefined {
  if (NEVER_TOLD.includes(route.path)) return undefined;
  const attributes = describeRequest(request, route);
  const name = `${attributes['http.request.method']} ${route.path}`;
  const span = HeldSpan.begin(name, trace, { kind: 'server', attributes });
  if (!span) return undefined;
  const begunMs = performance.now();
  const isWanted = route.method !== 'GET' || trace.isRemote;
  if (isWanted) span.release();
  let isOver = false;
  const end = (status?: number, error?: string): void => {
    if (isOver) return;
    isOver = true;
    span.end({ attributes: status === undefined ? {} : { 'http.response.status_code': status }, error });
    if (error !== undefined || performance.now() - begunMs >= SLOW_MS) span.release();
  };
  return {
    around: (work) => span.around(work),
    answered: (status) => end(status),
    failed(reason) {
      const status = statusOf(reason);
      end(status, status >= SERVER_ERROR ? codeOf(reason) : undefined);
    },
    left: () => end(),
  };
}

function describeRequest({ method = '', url = '' }: IncomingMessage, { path }: Route): Attributes {
  return {
    'http.request.method': method,
    'http.route': path,
    'url.path': url.split('?', 1)[0] ?? '',
    'url.scheme': 'http',
  };
}
