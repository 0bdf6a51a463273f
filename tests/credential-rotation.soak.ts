import { test } from 'node:test';
import { runUnderRotation } from './rotation-load.ts';
import { needsRoot } from './testbed.ts';

const MINUTE_MS = 60_000;
const OUTAGE_MS = 20_000;
/** With a clock that is wrong, a node may hold a key that is over when nobody gives it another: a miss, but no failed read. */
const NO_OUTAGE_MS = 0;
const CASES = [
  { scheme: 'obs', minutes: 5, clockAheadMinutes: 0, outageMs: OUTAGE_MS },
  { scheme: 's3', minutes: 5, clockAheadMinutes: 0, outageMs: OUTAGE_MS },
  { scheme: 'obs', minutes: 2, clockAheadMinutes: 5, outageMs: NO_OUTAGE_MS },
  { scheme: 's3', minutes: 2, clockAheadMinutes: -5, outageMs: NO_OUTAGE_MS },
] as const;

for (const { scheme, minutes, clockAheadMinutes, outageMs } of CASES) {
  const clock = clockAheadMinutes === 0 ? '' : `, the store's clock ${clockAheadMinutes} minutes ahead`;
  test(`nodes notice nothing of keys of half a minute, ${scheme}${clock}`, needsRoot, async (t) => {
    const times = {
      lifetimeMs: MINUTE_MS / 2,
      outageMs,
      durationMs: minutes * MINUTE_MS,
      clockAheadMs: clockAheadMinutes * MINUTE_MS,
    };
    await runUnderRotation(t, { scheme, ...times, everyFile: 1, uploadBytes: 40_000_000 });
  });
}
