/** Answers may come by the thousand; one a second tells enough. */
const LISTEN_MS = 1_000;
/** A date is cut to the second. */
const DATE_MS = 1_000;
/** What differs by more from the clock of this machine is no clock: an answer out of a cache, say. */
const MAX_AHEAD_MS = 24 * 3_600_000;

/** Where time comes from; both in milliseconds. */
export interface TimeSource {
  /** Since 1970. */
  readonly now: () => number;
  /** Since any moment; never set. */
  readonly elapsed: () => number;
}

const MACHINE: TimeSource = { now: () => Date.now(), elapsed: () => performance.now() };

/**
 * The clock of a store, as the dates of its answers tell it, right to about a second; until one has told, that of this machine. It goes on
 * by itself between two answers, so that a step of this machine's clock does not move it.
 */
export class StoreClock {
  readonly #time: TimeSource;
  /** Between which the store's clock is ahead of `elapsed`. */
  #ahead: { readonly least: number; readonly most: number } | undefined;
  #listenAtMs = -Infinity;

  constructor(time: TimeSource = MACHINE) {
    this.#time = time;
  }

  /** The Date header of an answer that has just come, `tookMs` after it was asked for. One that is missing or absurd tells nothing. */
  hear(date: string | undefined, tookMs: number): void {
    const elapsed = this.#time.elapsed();
    if (date === undefined || elapsed < this.#listenAtMs) return;
    this.#listenAtMs = elapsed + LISTEN_MS;
    const toldMs = Date.parse(date);
    if (!(Math.abs(toldMs - this.#time.now()) <= MAX_AHEAD_MS)) return;
    const told = { least: toldMs - elapsed, most: toldMs + DATE_MS - elapsed + tookMs };
    const least = Math.max(told.least, this.#ahead?.least ?? -Infinity);
    const most = Math.min(told.most, this.#ahead?.most ?? Infinity);
    // Where they contradict each other, a clock was set.
    this.#ahead = least <= most ? { least, most } : told;
  }

  /** Milliseconds since 1970. */
  now(): number {
    if (!this.#ahead) return this.#time.now();
    return this.#time.elapsed() + (this.#ahead.least + this.#ahead.most) / 2;
  }

  /** What it is ahead of this machine's clock, in milliseconds; undefined until an answer has told. */
  aheadMs(): number | undefined {
    return this.#ahead && this.now() - this.#time.now();
  }
}
