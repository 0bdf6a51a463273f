import { codeOf } from '@lade/errors';
import { wallClockNs } from '@lade/linux';
import { atPlace, currentPlace, inTrace, type Place } from './current-trace.ts';
import { currentSink, type Attributes, type SpanKind, type SpanSink } from './span-sink.ts';
import { createSpanId, type TraceContext } from './trace-context.ts';
import { timeItems, timeWork } from './watch-work.ts';

export interface SpanOptions {
  /** `internal` unless given. */
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Since 1970; now, unless given. */
  readonly startMs?: number;
}

export interface SpanEnd {
  readonly attributes?: Attributes;
  /** The class of what has failed. */
  readonly error?: string | undefined;
}

/** A piece of work of a trace, from its beginning to its end. */
export class Span {
  readonly spanId = createSpanId();
  readonly #sink: SpanSink;
  readonly #name: string;
  readonly #options: SpanOptions;
  #startMs: number;
  #parent: TraceContext;
  #isSampled: boolean;
  #error: string | undefined;
  #attributes: Attributes = {};
  readonly #links: TraceContext[] = [];

  constructor(sink: SpanSink, parent: TraceContext, name: string, options: SpanOptions) {
    this.#sink = sink;
    this.#name = name;
    this.#options = options;
    this.#startMs = options.startMs ?? nowMs();
    this.#parent = parent;
    this.#isSampled = isSampled(sink, parent, name);
  }

  /** Where the spans of what it leads to go, too. */
  get sink(): SpanSink {
    return this.#sink;
  }

  /** What it leads to stands there. */
  get context(): TraceContext {
    const { traceId } = this.#parent;
    return { traceId, spanId: this.spanId, isSampled: this.#isSampled, isRemote: false };
  }

  moveTo(parent: TraceContext): TraceContext {
    this.#parent = parent;
    this.#isSampled = isSampled(this.#sink, parent, this.#name);
    return this.context;
  }

  fail(code: string): void {
    this.#error = code;
  }

  add(attributes: Attributes): void {
    this.#attributes = { ...this.#attributes, ...attributes };
  }

  /** It has begun at another time than was known. */
  beganAt(startMs: number): void {
    this.#startMs = startMs;
  }

  /** Nothing where nothing of the other trace is recorded. */
  link(to: TraceContext): void {
    if (to.spanId !== undefined && to.isSampled) this.#links.push(to);
  }

  end(endMs: number = nowMs()): void {
    if (!this.#isSampled) return;
    const { kind = 'internal', attributes } = this.#options;
    this.#sink.end({
      name: this.#name,
      kind,
      spanId: this.spanId,
      parent: this.#parent,
      startMs: this.#startMs,
      endMs,
      attributes: { ...attributes, ...this.#attributes },
      error: this.#error,
      links: this.#links,
    });
  }
}

function isSampled(sink: SpanSink, parent: TraceContext, name: string): boolean {
  const isLocal = parent.spanId !== undefined && !parent.isRemote;
  return isLocal ? parent.isSampled : sink.isSampled(parent, name);
}

/** What lies in a span goes where that goes. */
function sinkAt(place: Place | undefined): SpanSink | undefined {
  const sink = currentSink();
  return sink && (place?.span?.sink ?? sink);
}

/** Since 1970, as other processes whose spans stand beside ours read it. */
export function nowMs(): number {
  return Number(wallClockNs()) / 1e6;
}

/** Begins a span below `parent`; undefined where nobody wants spans. */
export function beginSpan(name: string, parent: TraceContext, options: SpanOptions = {}): Span | undefined {
  const sink = currentSink();
  return sink && new Span(sink, parent, name, options);
}

/** `work` is a span of the current trace. Outside of traces, and where nobody wants spans, it is just done. See also watchWork(). */
export async function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  // What others ask of us is told as their call.
  if (options.kind !== undefined) return spanned(name, options, work);
  return timeWork(name, async () => spanned(name, options, work));
}

async function spanned<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const place = currentPlace();
  const sink = sinkAt(place);
  if (!place || !sink) return work();
  const span = new Span(sink, place.trace, name, options);
  try {
    return await atPlace({ trace: span.context, span }, work);
  } catch (reason) {
    span.fail(codeOf(reason));
    throw reason;
  } finally {
    span.end();
  }
}

/** The same of what comes by and by, in `trace`: it ends with the last item, or when no more are wanted. */
export async function* spanOver<T>(
  name: string,
  options: SpanOptions,
  items: AsyncIterable<T>,
  trace: TraceContext,
): AsyncGenerator<T> {
  const span = beginSpan(name, trace, options);
  const place: Place = span ? { trace: span.context, span } : { trace };
  const iterator = timeItems(name, items)[Symbol.asyncIterator]();
  let isOver = false;
  try {
    for (;;) {
      const next = await atPlace(place, () => iterator.next());
      if (next.done === true) {
        isOver = true;
        return;
      }
      yield next.value;
    }
  } catch (reason) {
    isOver = true;
    span?.fail(codeOf(reason));
    throw reason;
  } finally {
    if (!isOver) await atPlace(place, async () => iterator.return(undefined));
    span?.end();
  }
}

/** A piece of work of the current trace that is over and took `ms`; described only where somebody wants spans. */
export function tellSpan(name: string, ms: number, describe: () => SpanOptions & SpanEnd): void {
  const place = currentSink() && currentPlace();
  const sink = sinkAt(place);
  if (!place || !sink) return;
  const endMs = nowMs();
  const options = describe();
  const span = new Span(sink, place.trace, name, { ...options, startMs: endMs - ms });
  if (options.error !== undefined) span.fail(options.error);
  span.end(endMs);
}

/** What is known only at the end of the current span, if there is one. */
export function tellOfSpan(describe: () => SpanEnd): void {
  const span = currentSink() && currentPlace()?.span;
  if (!span) return;
  const { attributes = {}, error } = describe();
  span.add(attributes);
  if (error !== undefined) span.fail(error);
}

/** What `work` starts lives longer than the trace that has it started, and works for others, too. */
export function outsideTraces<T>(work: () => T): T {
  return inTrace(undefined, work);
}
