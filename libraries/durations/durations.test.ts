import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDuration, createDurations, DURATION_BOUNDS } from './index.ts';

test('a duration counts once, in the first bound that it does not pass, or above all', () => {
  const durations = createDurations();
  for (const ms of [0, 1, 1.1, 60_000, 400_000]) addDuration(durations, ms);
  assert.equal(durations.counts.length, DURATION_BOUNDS.length + 1);
  assert.deepEqual(durations.counts, [2, 1, 0, 0, 0, 0, 0, 1, 0, 1]);
  assert.equal(durations.count, 5);
  assert.ok(Math.abs(durations.seconds - 460.0021) < 1e-9);
});
