import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@lade/oci';
import { PullTimes } from './index.ts';

const [A, B, C] = [digestOf('a'), digestOf('b'), digestOf('c')];

test('a pull lasts from the first layer that was asked for to the last that came, and is told once', () => {
  const pulls = new PullTimes();
  pulls.asked(A, { from: 1_000, to: 1_010 });
  pulls.asked(B, { from: 1_100, to: 1_110 });
  pulls.came(A, 3_000);
  pulls.came(B, 2_500);
  pulls.came(C, 9_000);
  assert.equal(pulls.take([A, B, C]), undefined);
  assert.equal(pulls.take([A, B]), 2_000);
  assert.equal(pulls.take([A, B]), undefined);
});

test('layers that another pull has brought before do not count', () => {
  const pulls = new PullTimes();
  pulls.asked(A, { from: 0, to: 5_000 });
  pulls.asked(B, { from: 100_000, to: 100_400 });
  assert.equal(pulls.take([A, B]), 400);
  // Asked for anew, long after it was last here.
  pulls.asked(A, { from: 0, to: 5_000 });
  pulls.asked(A, { from: 100_000, to: 100_700 });
  assert.equal(pulls.take([A]), 700);
});
