import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { createSharedMemory } from '@lade/linux';
import { createJournal, Journal } from './journal.ts';
import type { Question } from './question.ts';

const QUESTION: Question = {
  id: 2n ** 63n,
  operation: 15,
  file: { device: 66_307, inode: 2 ** 40 },
  pid: 0,
  offset: 2 ** 45,
  length: 1 << 20,
};

test('what one Journal writes down, another over the same memory reads, until it is removed', (t) => {
  const memory = open(t);
  const [one, other] = [new Journal(memory), new Journal(memory)];
  const slot = one.add(QUESTION);
  assert.deepEqual([...other.asked()], [[slot, QUESTION]]);
  one.agreed = 2n ** 37n;
  assert.equal(other.agreed, 2n ** 37n);
  other.inbox.write('event');
  assert.equal(one.inbox.toString('latin1', 0, 5), 'event');
  one.remove(slot);
  assert.deepEqual([...other.asked()], []);
});

test('a Journal counts its free slots, also those it takes over, and takes no more', (t) => {
  const memory = open(t);
  const journal = new Journal(memory);
  const all = journal.freeSlots;
  const slots = Array.from({ length: all }, (_, index) => journal.add({ ...QUESTION, id: BigInt(index) }));
  assert.equal(new Set(slots).size, all);
  assert.equal(journal.freeSlots, 0);
  assert.throws(() => journal.add(QUESTION), isCodedError);
  assert.equal(new Journal(memory).freeSlots, 0);
  journal.remove(3);
  assert.equal(new Journal(memory).freeSlots, 1);
  assert.deepEqual([...journal.asked()].length, all - 1);
});

test('a Journal rejects memory that is too small', (t) => {
  const memory = createSharedMemory('lade-test', 4096);
  t.after(() => closeSync(memory));
  assert.throws(
    () => new Journal(memory),
    (reason) => isCodedError(reason, 'invalid_argument'),
  );
});

function open(t: TestContext): number {
  const memory = createJournal();
  t.after(() => closeSync(memory));
  return memory;
}
