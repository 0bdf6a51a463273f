import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reading } from './messages.ts';
import { Readings } from './readings.ts';

test('reads that go on where the last one ended are one; others are kept until there are many', () => {
  const told: (readonly Reading[])[] = [];
  let begun = 0;
  const readings = new Readings({ begun: () => begun++, tell: (some) => told.push(some) });
  readings.flush();
  for (let n = 0; n < 1_000; n++) readings.add(1, n * 4096, 4096, '/a');
  readings.add(1, 0, 10, '/a');
  readings.add(1, 10, 10, '/b');
  readings.add(2, 20, 10, '/b');
  assert.deepEqual([begun, told.length], [1, 0]);
  readings.flush();
  assert.deepEqual(told, [
    [
      { number: 1, reader: '/a', offset: 0, length: 4_096_000, requests: 1_000 },
      { number: 1, reader: '/a', offset: 0, length: 10, requests: 1 },
      { number: 1, reader: '/b', offset: 10, length: 10, requests: 1 },
      { number: 2, reader: '/b', offset: 20, length: 10, requests: 1 },
    ],
  ]);
  for (let n = 0; n < 1_000; n++) readings.add(1, n * 8192, 1, '/a');
  assert.ok(told.length > 5 && told.every((some) => some.length <= 128));
  assert.equal(begun, 2);
});
