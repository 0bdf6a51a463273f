import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { FanotifyQuestions } from './fanotify-questions.ts';
import { createJournal, Journal } from './journal.ts';
import { ANY_FILE, type Question } from './question.ts';
import { reserveEventNumbers } from './reserve-event-numbers.ts';

const about = (number: number): Question => ({
  id: BigInt(number),
  operation: 0,
  file: ANY_FILE,
  pid: 0,
  offset: 0,
  length: 4096,
});

test('numbers of inherited events that are in use here are not read past, and not closed', () => {
  const [ours, descriptor] = [openSync('/dev/null', 'r'), createJournal()];
  const journal = new Journal(descriptor);
  for (const number of [ours, 500]) journal.add(about(number));
  using numbers = reserveEventNumbers(journal);
  assert.deepEqual(numbers.contested, [ours]);
  const questions = new FanotifyQuestions(-1, numbers.contested);
  assert.equal(questions.mayRead, false);
  questions.release(about(500));
  assert.equal(questions.mayRead, false);
  assert.throws(() => fstatSync(500), { code: 'EBADF' });
  questions.release(about(ours));
  assert.equal(questions.mayRead, true);
  assert.ok(fstatSync(ours).isCharacterDevice());
  [ours, descriptor].forEach((number) => closeSync(number));
});
