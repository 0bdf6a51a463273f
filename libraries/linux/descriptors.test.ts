import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { raiseDescriptors, reserveDescriptors } from './index.ts';

test('raiseDescriptors() keeps low numbers free of what is opened', () => {
  const before = openNull();
  {
    using _ = raiseDescriptors(300);
    assert.ok(openNull() >= 300);
  }
  assert.equal(openNull(), before);
});

test('reserveDescriptors() takes numbers until they are closed', () => {
  reserveDescriptors([400, 402]);
  using _ = raiseDescriptors(400);
  assert.equal(openNull(), 401);
  assert.throws(
    () => reserveDescriptors([401, 402]),
    (reason) => isCodedError(reason, 'failed_precondition') && /descriptor 402/.test(reason.message),
  );
  [400, 402].forEach((number) => closeSync(number));
  reserveDescriptors([401, 402]);
  [401, 402].forEach((number) => closeSync(number));
});

/** The number that the next descriptor gets. */
function openNull(): number {
  const number = openSync('/dev/null', 'r');
  closeSync(number);
  return number;
}
