import type { TraceContext } from './trace-context.ts';

export type SpanKind = 'internal' | 'server' | 'client';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is over. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanId: string;
  /** Its trace; what has caused it, unless it is the first. */
  readonly parent: TraceContext;
  /** Since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** The class of what has failed. */
  readonly error: string | undefined;
  /** Spans, of other traces too, that have to do with it. */
  readonly links: readonly TraceContext[];
}

/** Who wants the spans of this process. */
export interface SpanSink {
  /** Whether to record what begins here: the first span of a trace, or one that somebody else has caused. */
  isSampled(parent: TraceContext, name: string): boolean;
  /** Must neither throw nor wait. */
  end(span: EndedSpan): void;
}

let sink: SpanSink | undefined;

export function currentSink(): SpanSink | undefined {
  return sink;
}

/** From now on it gets all spans, until disposal. */
export function useSpanSink(next: SpanSink): Disposable {
  sink = next;
  return { [Symbol.dispose]: () => void (sink = undefined) };
}
