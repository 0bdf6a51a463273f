import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize, type BenchCase } from './benchmark.ts';
import { median, percentile, round, spread } from './statistics.ts';

test('the median is the value in the middle, or the mean of two', () => {
  assert.equal(median([10, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 100]), 3);
  assert.equal(median([7]), 7);
});

test('a percentile is a value that was measured, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(percentile(hundred, 50), 50);
  assert.equal(percentile(hundred, 99), 99);
  assert.equal(percentile(hundred, 100), 100);
  assert.equal(percentile([3, 1], 99), 3);
  assert.equal(percentile([3, 1], 0), 1);
});

test('the spread is from the smallest to the largest, rounded', () => {
  assert.deepEqual(spread([0.71239, 0.66, 0.7]), [0.66, 0.712]);
  assert.equal(round(1.23449), 1.234);
});

test('nothing measured is an error, not a figure', () => {
  for (const figure of [median, spread, (values: number[]) => percentile(values, 50)])
    assert.throws(() => figure([]), RangeError);
});

test('the summary is the worst case, and meets what every case meets', () => {
  const common = { want: '<=1.0', peer: 'p', runs: 5 } as const;
  const good: BenchCase = { ...common, case: 'good', ratio: 0.5, met: true, spread: [0.4, 0.6], layers: 3 };
  const bad: BenchCase = { ...common, case: 'bad', ratio: 1.5, met: false, spread: [1.4, 1.6] };
  assert.deepEqual(summarize([good, bad, good]), { ...bad, case: 'all', worst: 'bad' });
  assert.deepEqual(summarize([good]).met, true);
});
