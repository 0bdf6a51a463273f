import type { Metric } from '@lade/control-service';
import { addDuration, createDurations, type Durations } from '@lade/durations';
import { toSamples } from './to-samples.ts';

/** How long things took, by what they were and how they ended. */
export class Timings {
  readonly #label: string;
  readonly #times = new Map<string, Durations>();

  /** `label` says what they are; neither they nor their results may have a space. */
  constructor(label: string) {
    this.#label = label;
  }

  count(what: string, result: string, ms: number): void {
    const name = `${what} ${result}`;
    const times = this.#times.get(name) ?? createDurations();
    this.#times.set(name, times);
    addDuration(times, ms);
  }

  samples(): Metric['samples'] {
    return [...this.#times].flatMap(([name, durations]) => {
      const [what = '', result = ''] = name.split(' ');
      return toSamples(durations, { [this.#label]: what, result });
    });
  }
}
