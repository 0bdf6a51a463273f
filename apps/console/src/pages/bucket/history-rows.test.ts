import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BucketHistory } from '@lade/control-protocol';
import { appendRows, foldBins, sumBins, toBins, toRows } from './history-rows.ts';

const NOON = Date.UTC(2026, 10, 27, 12) / 1000;

/** Of one read of 10 bytes in each step. */
function history(change: Partial<BucketHistory> & { readonly at: readonly number[] }): BucketHistory {
  const none = { requests: [], errors: [], sentBytes: [], receivedBytes: [] };
  const each = (value: number): number[] => change.at.map(() => value);
  return {
    step: 'minute',
    since: NOON - 86_400,
    until: NOON + 30,
    requests: {
      read: { requests: each(1), errors: each(0), sentBytes: each(2), receivedBytes: each(10) },
      write: { ...none, errors: each(1) },
      list: none,
      delete: none,
    },
    fills: { bucket: [], hot: [], copied: [], adopted: [], zero: [] },
    waits: { reads: [], ms: [] },
    sizes: { at: [], kinds: {} },
    ...change,
  };
}

test('an hour is 60 minutes, the last of them the present one, and what is older is not in it', () => {
  const rows = toRows(history({ at: [NOON - 3600, NOON - 3540, NOON - 60, NOON] }));
  const bins = toBins(rows, 'hour');
  assert.deepEqual([bins.length, bins[0]?.at, bins.at(-1)?.at], [60, NOON - 3540, NOON]);
  assert.deepEqual(
    bins.flatMap(({ at, read }) => (read > 0 ? [at - NOON] : [])),
    [-3540, -60, 0],
  );
  const all = sumBins(bins);
  assert.deepEqual([all.read, all.errors, all.receivedBytes, all.sentBytes], [3, 3, 30, 6]);
});

test('a day and a month have longer points, with the sum of their steps', () => {
  const day = toBins(toRows(history({ at: [NOON - 660, NOON - 600, NOON - 60, NOON] })), 'day');
  assert.deepEqual(
    day.slice(-3).map(({ at, read }) => [at - NOON, read]),
    [
      [-1200, 1],
      [-600, 2],
      [0, 1],
    ],
  );
  assert.equal(day.length, 144);
  const hours = Array.from({ length: 720 }, (_, i) => NOON - (719 - i) * 3600);
  const month = toBins(toRows(history({ step: 'hour', at: hours })), 'month');
  assert.deepEqual([month.length, month[1]?.read, month.at(-1)?.read], [120, 6, 1]);
});

test('the bucket is as large as it was found last, and of unknown size before', () => {
  const kinds = {
    packs: { objects: [1, 2], bytes: [100, 200] },
    hot: { objects: [1, 0], bytes: [5, 0] },
  };
  const sizes = { at: [NOON - 3000, NOON - 60], kinds };
  const bins = toBins(toRows(history({ at: [], sizes })), 'hour');
  const sizeAt = (after: number) => bins.find(({ at }) => at === NOON + after)?.size;
  assert.equal(sizeAt(-3060), undefined);
  assert.deepEqual(sizeAt(-3000), { at: NOON - 3000, objects: 2, bytes: 105 });
  assert.deepEqual([sizeAt(-120)?.bytes, sizeAt(-60)?.bytes, sizeAt(0)?.bytes], [105, 200, 200]);
});

test('a later answer replaces what it tells again, and what is too old goes', () => {
  const size = (at: number, bytes: number) => ({
    at: [at],
    kinds: { packs: { objects: [1], bytes: [bytes] } },
  });
  const known = toRows(history({ at: [NOON - 86_400, NOON - 60, NOON], sizes: size(NOON - 90_000, 7) }));
  const later = { since: NOON, until: NOON + 90, sizes: size(NOON, 8) };
  const more = toRows(history({ at: [NOON, NOON + 60], ...later }));
  const all = appendRows(known, more, { since: NOON, spanS: 86_400 });
  assert.deepEqual(
    all.steps.map(({ at }) => at - NOON),
    [-60, 0, 60],
  );
  assert.deepEqual(
    all.sizes.map(({ bytes }) => bytes),
    [7, 8],
  );
  const same = appendRows(all, toRows(history({ at: [], ...later })), { since: NOON, spanS: 86_400 });
  assert.deepEqual([same.sizes, same.steps.length, same.until], [all.sizes, 1, NOON + 90]);
});

test('a table has fewer points with the same sums', () => {
  const bins = toBins(toRows(history({ at: [NOON - 3540, NOON - 60, NOON] })), 'hour');
  const folded = foldBins(bins, 12);
  assert.deepEqual([folded.length, folded[0]?.at, folded[0]?.read], [12, NOON - 3540, 1]);
  assert.deepEqual(sumBins(folded), sumBins(bins));
  assert.equal(foldBins(bins.slice(0, 13), 12).length, 7);
});
