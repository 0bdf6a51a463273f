import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAgain } from './read-again.ts';

const read = (key: string, offset: number, bytes: number) => ({
  method: 'GET',
  key,
  status: 206,
  offset,
  bytes,
});

test('ranges that only touch, or lie in different objects, are read once', () => {
  const once = [read('a', 10, 10), read('a', 0, 10), read('b', 5, 10)];
  assert.deepEqual(readAgain(once), { requests: 0, bytes: 0 });
});

test('what ranges have in common counts once for every time but the first', () => {
  const again = [read('a', 0, 10), read('a', 5, 10), read('a', 0, 15), read('a', 2, 3)];
  assert.deepEqual(readAgain(again), { requests: 3, bytes: 23 });
});
