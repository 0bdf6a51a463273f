import { SpanKind, SpanStatusCode, TraceFlags, type HrTime, type SpanContext } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { EndedSpan, SpanKind as Kind } from './span-sink.ts';
import type { TraceContext } from './trace-context.ts';

export const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
} as const satisfies Record<Kind, SpanKind>;

/** Of the span that has caused something; undefined for none. */
export function contextOf({ traceId, spanId, isSampled, isRemote }: TraceContext): SpanContext | undefined {
  if (spanId === undefined) return undefined;
  return { traceId, spanId, isRemote, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
}

/** As OpenTelemetry's processors and exporters take it. */
export function toReadableSpan(
  { name, kind, spanId, parent, startMs, endMs, attributes, error, links }: EndedSpan,
  resource: Resource,
  scope: ReadableSpan['instrumentationScope'],
): ReadableSpan {
  const own: SpanContext = { traceId: parent.traceId, spanId, traceFlags: TraceFlags.SAMPLED };
  const above = contextOf(parent);
  const failure = error === undefined ? {} : { 'error.type': error };
  return {
    name,
    kind: KINDS[kind],
    spanContext: () => own,
    ...(above ? { parentSpanContext: above } : {}),
    startTime: toHrTime(startMs),
    endTime: toHrTime(endMs),
    duration: toHrTime(endMs - startMs),
    status: { code: error === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR },
    attributes: { ...attributes, ...failure },
    links: links.flatMap((to) => {
      const context = contextOf(to);
      return context ? [{ context }] : [];
    }),
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds, and nanoseconds of the last one. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
