import { test } from 'node:test';
import { runUnderRotation } from './rotation-load.ts';
import { needsRoot } from './testbed.ts';

const MINUTE_MS = 60_000;
const TIMES = { lifetimeMs: MINUTE_MS / 2, outageMs: 20_000 } as const;
const CASES = [
  { scheme: 'obs', minutes: 5, clockAheadMinutes: 0 },
  { scheme: 's3', minutes: 5, clockAheadMinutes: 0 },
  { scheme: 'obs', minutes: 2, clockAheadMinutes: 5 },
  { scheme: 's3', minutes: 2, clockAheadMinutes: -5 },
] as const;

for (const { scheme, minutes, clockAheadMinutes } of CASES) {
  const clock = clockAheadMinutes === 0 ? '' : `, the store's clock ${clockAheadMinutes} minutes ahead`;
  test(`nodes notice nothing of keys of half a minute, ${scheme}${clock}`, needsRoot, async (t) => {
    const times = { ...TIMES, durationMs: minutes * MINUTE_MS, clockAheadMs: clockAheadMinutes * MINUTE_MS };
    await runUnderRotation(t, { scheme, ...times, everyFile: 1, uploadBytes: 40_000_000 });
  });
}
