import { setTimeout as sleep } from 'node:timers/promises';
import type { CodedError } from '@lade/errors';
import { orAbort } from '@lade/streams';
import type { WaitOptions } from '../bucket.ts';

const TRIES = 3;
const FIRST_PAUSE_MS = 100;
/** Who is asked to stay away for longer is told so, instead of waiting. */
const MAX_PAUSE_MS = 2_000;
const PASSING = ['unavailable', 'deadline_exceeded', 'resource_exhausted'];

/**
 * Asks up to three times while the trouble may pass. `toFailure` gives what an attempt throws its class; the reason of the signal
 * comes first.
 */
export async function tryAgain<T>(
  attempt: () => Promise<T>,
  toFailure: (reason: unknown) => CodedError,
  { signal }: WaitOptions,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (reason) {
      signal?.throwIfAborted();
      const failure = toFailure(reason);
      const pauseMs = pauseAfter(failure, tries);
      if (pauseMs === undefined) throw failure;
      await orAbort(sleep(pauseMs), signal);
    }
  }
}

/** How long to wait before the next try; undefined: there is none. */
function pauseAfter({ code, details }: CodedError, tries: number): number | undefined {
  if (tries === TRIES || !PASSING.includes(code) || details['name'] === 'tls') return undefined;
  if (details['name'] === 'InsufficientStorageSpace') return undefined;
  const asked = Number(details['retryAfterMs'] ?? 0);
  if (asked > MAX_PAUSE_MS) return undefined;
  // Spread, so that many who were refused together do not come back together.
  return Math.max(asked, FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()));
}
