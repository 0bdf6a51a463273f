import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteScale } from './byte-scale.ts';

test('byteScale() tells every step of an axis from the next', () => {
  assert.deepEqual(byteScale(400e6, 200e6), { thousands: 2, digits: 0 });
  assert.deepEqual(byteScale(36_250e6, 50e6), { thousands: 3, digits: 2 });
  assert.deepEqual(byteScale(1_200e6, 200e6), { thousands: 3, digits: 1 });
  assert.deepEqual(byteScale(2, 1), { thousands: 0, digits: 0 });
  assert.deepEqual(byteScale(0, 1), { thousands: 0, digits: 0 });
});
