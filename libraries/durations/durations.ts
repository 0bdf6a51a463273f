/** Upper bounds in seconds: from what a lock can bear to what somebody gives up on. */
export const DURATION_BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300] as const;

/** How long things took, as a histogram. Numbers that only grow. */
export interface Durations {
  /** How many took at most as long as the bound in that place, and longer than the one before; the last one is above all bounds. */
  readonly counts: number[];
  count: number;
  seconds: number;
}

export function createDurations(): Durations {
  return { counts: Array.from({ length: DURATION_BOUNDS.length + 1 }, () => 0), count: 0, seconds: 0 };
}

export function addDuration(durations: Durations, ms: number): void {
  const bound = DURATION_BOUNDS.findIndex((seconds) => ms <= seconds * 1000);
  const place = bound < 0 ? DURATION_BOUNDS.length : bound;
  durations.counts[place] = (durations.counts[place] ?? 0) + 1;
  durations.count++;
  durations.seconds += ms / 1000;
}
