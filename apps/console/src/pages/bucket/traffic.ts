import { shallowRef, type ShallowRef } from 'vue';
import type { RequestFigures, Status } from '@lade/control-protocol';

/** What the bucket was asked in the time before `at`, a second. */
export interface TrafficSample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly requests: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

interface Totals {
  readonly at: number;
  readonly requests: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

const MAX_SAMPLES = 300;

/** What the shell has recorded since the console was opened. */
export const trafficSamples: ShallowRef<readonly TrafficSample[]> = shallowRef([]);

/** Rates from counters that only grow: a daemon that has started again begins anew. */
export class TrafficRecord {
  #last: Totals | undefined;
  #samples: readonly TrafficSample[] = [];

  get samples(): readonly TrafficSample[] {
    return this.#samples;
  }

  add(status: Status, at: number): void {
    const totals = totalsOf(status, at);
    const last = this.#last;
    this.#last = totals;
    if (!last || totals.requests < last.requests) return;
    const seconds = (at - last.at) / 1000;
    // A gap in which nobody looked says nothing about any moment of it.
    if (seconds <= 0 || seconds > 30) return;
    const rate = (name: keyof Totals): number => Math.max(0, totals[name] - last[name]) / seconds;
    const sample = {
      at,
      requests: rate('requests'),
      readBytes: rate('readBytes'),
      writtenBytes: rate('writtenBytes'),
    };
    this.#samples = [...this.#samples.slice(1 - MAX_SAMPLES), sample];
  }
}

function totalsOf(status: Status, at: number): Totals {
  const figures = Object.values(status.bucketRequests);
  const sum = (name: keyof RequestFigures): number => figures.reduce((all, figure) => all + figure[name], 0);
  return { at, requests: sum('requests'), readBytes: sum('receivedBytes'), writtenBytes: sum('sentBytes') };
}
