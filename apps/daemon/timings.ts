import type { Metric } from '@lade/control-service';
import { addDuration, createDurations, type Durations } from '@lade/durations';
import { toSamples } from './to-samples.ts';

/** How long things took, by what they were and how they ended. */
export class Timings {
  readonly #label: string;
  /** By a key made of what they are and how they ended. */
  readonly #times = new Map<string, Durations>();

  /** `label` says what they are. */
  constructor(label: string) {
    this.#label = label;
  }

  count(what: string, result: string, ms: number): void {
    const name = JSON.stringify([what, result]);
    const times = this.#times.get(name) ?? createDurations();
    this.#times.set(name, times);
    addDuration(times, ms);
  }

  samples(): Metric['samples'] {
    return [...this.#times].flatMap(([name, durations]) => {
      const [what, result] = JSON.parse(name) as [string, string];
      return toSamples(durations, { [this.#label]: what, result });
    });
  }
}
