import type { Metric } from '@lade/control-service';

/** Upper bounds in seconds: what containerd's own lock can bear, up to what a conversion takes. */
const BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

interface Times {
  /** One more than there are bounds: for what is above all of them. */
  readonly counts: number[];
  seconds: number;
}

/** How long calls took, by their names and whether they failed. */
export class CallTimes {
  readonly #times = new Map<string, Times>();

  count(call: string, ms: number, isError: boolean): void {
    const name = `${call} ${isError ? 'error' : 'ok'}`;
    const times = this.#times.get(name) ?? { counts: BOUNDS.map(() => 0).concat(0), seconds: 0 };
    this.#times.set(name, times);
    const bound = BOUNDS.findIndex((seconds) => ms <= seconds * 1000);
    const place = bound < 0 ? BOUNDS.length : bound;
    times.counts[place] = (times.counts[place] ?? 0) + 1;
    times.seconds += ms / 1000;
  }

  /** As a histogram of Prometheus: each bucket counts what the smaller ones do. */
  samples(): Metric['samples'] {
    return [...this.#times].flatMap(([name, { counts, seconds }]) => {
      const [call = '', result = ''] = name.split(' ');
      let value = 0;
      const buckets = counts.map((count, i) => {
        const le = String(BOUNDS[i] ?? '+Inf');
        value += count;
        return { suffix: '_bucket', labels: { call, result, le }, value } as const;
      });
      const labels = { call, result };
      return [
        ...buckets,
        { suffix: '_sum', labels, value: seconds } as const,
        { suffix: '_count', labels, value } as const,
      ];
    });
  }
}
