import type { Metric } from '@lade/control-service';
import { addDuration, createDurations, type Durations } from '@lade/durations';
import { toSamples } from './to-samples.ts';

/** How long calls took, by their names and whether they failed. */
export class CallTimes {
  readonly #times = new Map<string, Durations>();

  count(call: string, ms: number, isError: boolean): void {
    const name = `${call} ${isError ? 'error' : 'ok'}`;
    const times = this.#times.get(name) ?? createDurations();
    this.#times.set(name, times);
    addDuration(times, ms);
  }

  samples(): Metric['samples'] {
    return [...this.#times].flatMap(([name, durations]) => {
      const [call = '', result = ''] = name.split(' ');
      return toSamples(durations, { call, result });
    });
  }
}
