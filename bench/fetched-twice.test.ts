import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchedTwice } from './fetched-twice.ts';

const read = (key: string, offset: number, bytes: number) => ({
  method: 'GET',
  key,
  status: 206,
  offset,
  bytes,
});

test('ranges that only touch, or lie in different objects, are fetched once', () => {
  assert.equal(fetchedTwice([read('a', 10, 10), read('a', 0, 10), read('b', 5, 10)]), 0);
});

test('what ranges have in common counts once for every time but the first', () => {
  assert.equal(fetchedTwice([read('a', 0, 10), read('a', 5, 10), read('a', 0, 15), read('a', 2, 3)]), 23);
});
