import type { BucketHistory } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';

/** Which steps of the bucket's history are wanted, and from when on. Throws `invalid_argument`. */
export function readHistoryQuery(query: URLSearchParams): {
  readonly step: BucketHistory['step'];
  readonly since: Date | undefined;
} {
  const [step, since] = [query.get('step') ?? 'minute', query.get('since')];
  if (step !== 'minute' && step !== 'hour') throw unusable('step', step, 'minute or hour');
  if (since === null) return { step, since: undefined };
  const from = new Date(since);
  // A year alone would be a time too, and digits the milliseconds that somebody did not mean.
  if (!/^\d{4}-\d\d-\d\dT/.test(since) || Number.isNaN(from.getTime()))
    throw unusable('since', since, 'a time such as 2026-11-27T12:00:00Z');
  return { step, since: from };
}

function unusable(name: string, value: string, wanted: string): CodedError {
  return new CodedError(
    'invalid_argument',
    `Cannot read the request: ${name} is ${JSON.stringify(value)}, want ${wanted}`,
  );
}
