import { CodedError } from '@lade/errors';
import type { PutOptions } from './bucket.ts';

export function notFound(location: string, key: string): CodedError {
  return new CodedError('not_found', `Cannot find ${key} in ${location}`);
}

/** What a put throws whose condition does not hold. */
export function conditionFailed(
  condition: NonNullable<PutOptions['condition']>,
  location: string,
  key: string,
): CodedError {
  const attempted = `Cannot put ${key} into ${location}`;
  return 'absent' in condition
    ? new CodedError('already_exists', `${attempted}: it exists already`)
    : new CodedError('failed_precondition', `${attempted}: it is no longer version ${condition.version}`);
}

/** Throws conditionFailed() unless an object whose version is `current` (undefined: there is none) satisfies it. */
export function checkCondition(
  { condition }: PutOptions,
  current: string | undefined,
  location: string,
  key: string,
): void {
  if (!condition) return;
  const expected = 'absent' in condition ? undefined : condition.version;
  if (current !== expected) throw conditionFailed(condition, location, key);
}
