import { codeOf } from '@lade/errors';
import type { FilledRead, FillSpan } from '@lade/residency';
import { beginSpan, HeldSpan, nowMs, type Attributes, type Span, type TraceContext } from '@lade/tracing';
import type { StartFigures } from './start-table.ts';

/** Of one start: those that have taken longest. */
const MAX_FILLS = 64;
/** Shorter ones are only counted. */
const MIN_FILL_MS = 1;

interface KeptFill {
  readonly span: HeldSpan;
  readonly ms: number;
}

/** When a start came how far. */
interface StartTimes {
  readonly begunAt: Date;
  readonly createdAt: Date;
  /** Undefined: its task has ended before. */
  readonly startedAt: Date | undefined;
}

/** One start as a trace. Nothing of it is sent before its end. */
export class StartSpan {
  readonly #span: Span;
  /** How many more fills may be kept by all. */
  readonly #room: { fills: number };
  #slowest: KeptFill[] = [];
  readonly #untold = { waits: 0, waitMs: 0 };
  #lastFillMs = 0;
  #isOver = false;

  constructor(span: Span, room: { fills: number }) {
    this.#span = span;
    this.#room = room;
  }

  get traceId(): string {
    return this.#span.context.traceId;
  }

  /** A read of one of its processes begins to wait. */
  beginFill(): FillSpan | undefined {
    const span = HeldSpan.begin('fill', this.#span.context);
    if (!span) return undefined;
    const begunMs = performance.now();
    let error: string | undefined;
    return {
      around: (work) => span.around(work),
      fail: (reason) => void (error = codeOf(reason)),
      end: (read) => {
        span.end({ attributes: describeFill(read), error });
        if (!this.#isOver) this.#keep({ span, ms: performance.now() - begunMs });
      },
    };
  }

  link(traces: readonly TraceContext[]): void {
    for (const trace of traces) this.#span.link(trace);
  }

  /** It is over: sends its spans. The first one lasts until the task was started and nothing was waited for any more. */
  end({ begunAt, createdAt, startedAt }: StartTimes, attributes: Attributes, figures: StartFigures): void {
    this.#span.beganAt(begunAt.getTime());
    this.#span.add({ ...attributes, ...describeStart(figures), ...this.#describeUntold() });
    this.#tellStep('create task', begunAt, createdAt);
    if (startedAt) this.#tellStep('start task', createdAt, startedAt);
    else this.#span.fail('aborted');
    for (const { span } of this.#slowest) span.release();
    this.#span.end(startedAt ? Math.max(startedAt.getTime(), this.#lastFillMs) : nowMs());
    this.close();
  }

  /** What it keeps is let go. */
  close(): void {
    this.#isOver = true;
    this.#room.fills += this.#slowest.length;
    this.#slowest = [];
  }

  #keep(fill: KeptFill): void {
    this.#lastFillMs = nowMs();
    const fastest = this.#fastest();
    const isFull = this.#slowest.length === MAX_FILLS || this.#room.fills === 0;
    if (fill.ms < MIN_FILL_MS || (isFull && (!fastest || fastest.ms >= fill.ms))) {
      this.#leaveOut(fill);
    } else if (isFull && fastest) {
      this.#leaveOut(fastest);
      this.#slowest[this.#slowest.indexOf(fastest)] = fill;
    } else {
      this.#room.fills--;
      this.#slowest.push(fill);
    }
  }

  #fastest(): KeptFill | undefined {
    return this.#slowest.reduce<KeptFill | undefined>(
      (least, fill) => (least && least.ms <= fill.ms ? least : fill),
      undefined,
    );
  }

  #leaveOut({ ms }: KeptFill): void {
    this.#untold.waits++;
    this.#untold.waitMs += ms;
  }

  #describeUntold(): Attributes {
    const { waits, waitMs } = this.#untold;
    return waits === 0 ? {} : { 'lade.untold_waits': waits, 'lade.untold_wait_ms': Math.round(waitMs) };
  }

  #tellStep(name: string, from: Date, to: Date): void {
    const span = beginSpan(name, this.#span.context, { startMs: from.getTime() });
    span?.end(Math.max(from.getTime(), to.getTime()));
  }
}

function describeFill({ diffId, offset, length, filledBytes }: FilledRead): Attributes {
  return {
    'lade.diff_id': diffId,
    'lade.offset': offset,
    'lade.bytes': length,
    'lade.filled_bytes': filledBytes,
  };
}

function describeStart({ kind, waits, waitMs, filledBytes }: StartFigures): Attributes {
  return {
    'lade.start': kind,
    'lade.waits': waits,
    'lade.wait_ms': Math.round(waitMs),
    'lade.filled_bytes': filledBytes,
  };
}
