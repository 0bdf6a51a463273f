import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { raiseDescriptors, reserveDescriptors } from './index.ts';

test('raiseDescriptors() keeps low numbers free of what is opened', () => {
  const before = openNull();
  {
    using _ = raiseDescriptors(300);
    assert.ok(openNull() >= 300);
  }
  assert.equal(openNull(), before);
});

test('reserveDescriptors() takes the numbers that are free until they are closed, and tells the others', () => {
  assert.deepEqual(reserveDescriptors([400, 402]), []);
  using _ = raiseDescriptors(400);
  assert.equal(openNull(), 401);
  assert.deepEqual(reserveDescriptors([401, 402]), [402]);
  assert.equal(openNull(), 403);
  [400, 401, 402].forEach((number) => closeSync(number));
});

/** The number that the next descriptor gets. */
function openNull(): number {
  const number = openSync('/dev/null', 'r');
  closeSync(number);
  return number;
}
