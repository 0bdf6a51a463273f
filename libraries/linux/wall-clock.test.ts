import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wallClockNs } from './index.ts';

test('wallClockNs() is between two readings of Node', () => {
  for (let round = 0; round < 10_000; round++) {
    const before = Date.now();
    const now = wallClockNs();
    const after = Date.now();
    assert.ok(now >= BigInt(before) * 1_000_000n, `${now} is before ${before} ms`);
    assert.ok(now < BigInt(after + 1) * 1_000_000n, `${now} is after ${after} ms`);
  }
});
