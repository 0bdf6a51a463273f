import {
  beginSpan,
  createTrace,
  nowMs,
  type Attributes,
  type KnownTraces,
  type Span,
  type TraceContext,
} from '@lade/tracing';

/** After so long without a call a group's span ends, with its last call. */
const IDLE_MS = 10_000;

interface Open {
  readonly span: Span;
  lastMs: number;
  readonly timer: NodeJS.Timeout;
}

/** Calls of one trace that nobody else has begun. Its first span begins with the first call of the group. */
export class CallGroups implements Disposable {
  readonly #known: KnownTraces;
  readonly #open = new Map<string, Open>();

  constructor(known: KnownTraces) {
    this.#known = known;
  }

  of(name: string, spanName: string, attributes: Attributes): TraceContext {
    const known = this.#known.find(name);
    if (known) {
      this.touch(name);
      return known;
    }
    const trace = createTrace();
    const span = beginSpan(spanName, trace, { attributes });
    const begun = span?.context ?? trace;
    this.#known.remember(name, begun);
    if (span) this.#keepOpen(name, span);
    return begun;
  }

  /** A call of this group was made. */
  touch(name: string): void {
    const open = this.#open.get(name);
    if (!open) return;
    open.lastMs = nowMs();
    open.timer.refresh();
  }

  [Symbol.dispose](): void {
    for (const name of this.#open.keys()) this.#end(name);
  }

  #keepOpen(name: string, span: Span): void {
    const timer = setTimeout(() => this.#end(name), IDLE_MS).unref();
    this.#open.set(name, { span, lastMs: nowMs(), timer });
  }

  #end(name: string): void {
    const open = this.#open.get(name);
    if (!open) return;
    this.#open.delete(name);
    clearTimeout(open.timer);
    open.span.end(open.lastMs);
  }
}
