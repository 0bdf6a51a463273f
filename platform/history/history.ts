import type { RequestCounts } from '@lade/bucket';
import type { Logger } from '@lade/log';
import { takeFigures, toSeries, type FillCounters, type WorkSeries } from './figures.ts';
import {
  beginOf,
  STEPS,
  type HistoryStep,
  type HistoryTable,
  type KindSize,
  type SizeRow,
} from './history-table.ts';

const MINUTE_MS = 60_000;
/** A timer may be a little early; what it records must not begin in the minute that ends. */
const LATE_MS = 50;

interface HistoryOptions {
  readonly table: HistoryTable;
  /** Of this daemon. */
  readonly requests: RequestCounts;
  readonly counters: FillCounters;
  readonly log: Logger;
}

/** Times are seconds since 1970. */
export interface HistoryAnswer extends WorkSeries {
  readonly step: HistoryStep;
  /** The answer is about the time from the begin of a step until now. */
  readonly since: number;
  readonly until: number;
  /** The begin of each step in which anything was done, ascending; the last may not be over. */
  readonly at: readonly number[];
  readonly sizes: SizeSeries;
}

/** How large the bucket was whenever a listing found it changed: at the end of a step, and until the next one here. */
interface SizeSeries {
  /** Ascending; the first may lie before `since`. */
  readonly at: readonly number[];
  readonly kinds: Readonly<
    Record<string, { readonly objects: readonly number[]; readonly bytes: readonly number[] }>
  >;
}

/**
 * Keeps what this node asks of the bucket, and how large the bucket is found: a row a minute, and none while nothing is done. A crash
 * loses the minute that was not over.
 */
export class History implements AsyncDisposable {
  readonly #options: HistoryOptions;
  #recorded: readonly number[];
  /** When what is not recorded began. */
  #begunAt: number;
  #timer: NodeJS.Timeout | undefined;
  #lastSizes = '';

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#recorded = this.#figures().map(() => 0);
    this.#begunAt = Date.now();
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#record();
  }

  /** A listing has found this. */
  found({ listedAt, kinds }: { readonly listedAt: Date; readonly kinds: readonly KindSize[] }): void {
    const sizes = JSON.stringify(kinds);
    if (sizes === this.#lastSizes) return;
    this.#try(() => {
      const [at, now] = [toSeconds(listedAt.getTime()), toSeconds(Date.now())];
      this.#options.table.setSizes(at, kinds, now);
      this.#lastSizes = sizes;
    });
  }

  /** By minutes for at most the last 24 hours, by hours for at most the last 30 days. */
  read({ step, since }: { readonly step: HistoryStep; readonly since?: Date | undefined }): HistoryAnswer {
    const { table } = this.#options;
    const until = toSeconds(Date.now());
    const oldest = until - STEPS[step].keptS;
    const begin = beginOf(step, since ? Math.max(oldest, toSeconds(since.getTime())) : oldest);
    const rows = table.work(step, begin, until);
    const [at, figures] = [
      beginOf(step, toSeconds(this.#begunAt)),
      difference(this.#figures(), this.#recorded),
    ];
    const last = rows.at(-1);
    if (last?.at === at) rows.splice(-1, 1, { at, figures: sum(last.figures, figures) });
    else if (at >= begin && hasAny(figures)) rows.push({ at, figures });
    return {
      step,
      since: begin,
      until,
      at: rows.map(({ at }) => at),
      ...toSeries(rows.map(({ figures }) => figures)),
      sizes: toSizes(table.sizes(step, begin, until)),
    };
  }

  #schedule(): void {
    const pauseMs = MINUTE_MS - (Date.now() % MINUTE_MS) + LATE_MS;
    this.#timer = setTimeout(() => {
      this.#record();
      this.#schedule();
    }, pauseMs).unref();
  }

  #record(): void {
    const figures = this.#figures();
    const change = difference(figures, this.#recorded);
    const at = toSeconds(this.#begunAt);
    this.#begunAt = Date.now();
    if (!hasAny(change)) return;
    this.#try(() => {
      this.#options.table.addWork(at, change, toSeconds(this.#begunAt));
      this.#recorded = figures;
    });
  }

  #figures(): number[] {
    return takeFigures(this.#options.requests, this.#options.counters);
  }

  /** What cannot be kept is no reason for anything else to fail: it comes with the next minute. */
  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.log.debug('history of the bucket not recorded', { error });
    }
  }
}

function difference(to: readonly number[], from: readonly number[]): number[] {
  return to.map((value, i) => value - (from[i] ?? 0));
}

function sum(some: readonly number[], more: readonly number[]): number[] {
  return some.map((value, i) => value + (more[i] ?? 0));
}

function hasAny(figures: readonly number[]): boolean {
  return figures.some((value) => value > 0);
}

function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function toSizes(rows: readonly SizeRow[]): SizeSeries {
  const numbers = new Map<number, number>();
  for (const { at } of rows) if (!numbers.has(at)) numbers.set(at, numbers.size);
  const none = (): number[] => Array.from(numbers, () => 0);
  const kinds: Record<string, { objects: number[]; bytes: number[] }> = {};
  for (const { at, kind, objects, bytes } of rows) {
    const series = (kinds[kind] ??= { objects: none(), bytes: none() });
    const i = numbers.get(at) ?? 0;
    series.objects[i] = objects;
    series.bytes[i] = bytes;
  }
  return { at: [...numbers.keys()], kinds };
}
