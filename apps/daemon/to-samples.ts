import type { Metric } from '@lade/control-service';
import { DURATION_BOUNDS, type Durations } from '@lade/durations';

/** A histogram of Prometheus: each bucket counts what the smaller ones do. */
export function toSamples(
  { counts, count, seconds }: Durations,
  labels: Readonly<Record<string, string>>,
): Metric['samples'] {
  let value = 0;
  const buckets = counts.map((more, i) => {
    value += more;
    const le = String(DURATION_BOUNDS[i] ?? '+Inf');
    return { suffix: '_bucket', labels: { ...labels, le }, value } as const;
  });
  return [
    ...buckets,
    { suffix: '_sum', labels, value: seconds } as const,
    { suffix: '_count', labels, value: count } as const,
  ];
}
