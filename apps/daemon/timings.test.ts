import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timings } from './timings.ts';

test('Timings count each thing in its bucket and all above, by how it ended', () => {
  const times = new Timings('call');
  assert.deepEqual(times.samples(), []);
  for (const ms of [0.5, 1, 3, 70_000]) times.count('snapshots.prepare', 'ok', ms);
  times.count('snapshots.prepare', 'error', 30);
  const value = (result: string, suffix: string, le?: string): number | undefined =>
    times
      .samples()
      .find(
        (sample) =>
          sample.labels?.['result'] === result && sample.suffix === suffix && sample.labels?.['le'] === le,
      )?.value;
  assert.deepEqual(
    ['0.001', '0.005', '60', '+Inf'].map((le) => value('ok', '_bucket', le)),
    [2, 3, 3, 4],
  );
  assert.equal(value('ok', '_count'), 4);
  assert.equal(value('ok', '_sum'), 70.0045);
  assert.deepEqual([value('error', '_bucket', '0.025'), value('error', '_bucket', '0.1')], [0, 1]);
});
