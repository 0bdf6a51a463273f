import { atPlace } from './current-trace.ts';
import { Span, type SpanEnd, type SpanOptions } from './span.ts';
import { currentSink, type EndedSpan, type SpanSink } from './span-sink.ts';
import type { TraceContext } from './trace-context.ts';

/** What may wait inside of one span. */
const MAX_INSIDE = 16;

/** A span that goes nowhere, with all that lies in it, unless somebody wants it when more is known of it. */
export class HeldSpan {
  readonly #hold = new Hold();
  readonly #span: Span;

  private constructor(name: string, parent: TraceContext, options: SpanOptions) {
    this.#span = new Span(this.#hold, parent, name, options);
    this.#hold.outermost = this.#span.spanId;
  }

  /** Begins one below `parent`; undefined where nobody wants spans. */
  static begin(name: string, parent: TraceContext, options: SpanOptions = {}): HeldSpan | undefined {
    return currentSink() && new HeldSpan(name, parent, options);
  }

  /** What `work` leads to lies in it. */
  around<T>(work: () => T): T {
    return atPlace({ trace: this.#span.context, span: this.#span }, work);
  }

  end({ attributes = {}, error }: SpanEnd = {}): void {
    const { leftOut } = this.#hold;
    this.#span.add(leftOut > 0 ? { ...attributes, 'lade.spans_left_out': leftOut } : attributes);
    if (error !== undefined) this.#span.fail(error);
    this.#span.end();
  }

  /** It is wanted: what has come of it is sent, and what comes from now on, before its end or after it. */
  release(): void {
    this.#hold.release();
  }
}

class Hold implements SpanSink {
  outermost = '';
  leftOut = 0;
  #held: EndedSpan[] | undefined = [];

  isSampled(parent: TraceContext, name: string): boolean {
    return currentSink()?.isSampled(parent, name) ?? false;
  }

  end(span: EndedSpan): void {
    if (!this.#held) currentSink()?.end(span);
    else if (this.#held.length < MAX_INSIDE || span.spanId === this.outermost) this.#held.push(span);
    else this.leftOut++;
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const span of held) currentSink()?.end(span);
  }
}
