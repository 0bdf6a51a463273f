import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { collectBytes, forEachConcurrently, fromBytes } from './index.ts';

test('collectBytes() joins chunks and refuses one byte too many', async () => {
  const chunks = [Buffer.from('ab'), Buffer.from('cd')];
  assert.equal(Buffer.from(await collectBytes(fromBytes(...chunks), 4)).toString(), 'abcd');
  await assert.rejects(collectBytes(fromBytes(...chunks), 3), (e) => isCodedError(e, 'resource_exhausted'));
});

test('forEachConcurrently() keeps to its limit and visits everything', async () => {
  let running = 0;
  let peak = 0;
  const seen: number[] = [];
  await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (n) => {
    peak = Math.max(peak, ++running);
    await sleep(1);
    running--;
    seen.push(n);
  });
  assert.equal(peak, 3);
  assert.deepEqual(seen.toSorted(), [1, 2, 3, 4, 5, 6, 7]);
});

test('forEachConcurrently() stops at the first failure and tells the others', async () => {
  const failure = new Error('third');
  let aborted = false;
  const run = forEachConcurrently([1, 2, 3, 4, 5], 2, async (n, signal) => {
    if (n === 2) throw failure;
    await sleep(20, undefined, { signal }).catch(() => (aborted = true));
    assert.ok(n < 4);
  });
  await assert.rejects(run, failure);
  assert.ok(aborted);
});

test('forEachConcurrently() honours a signal from outside', async () => {
  const reason = new Error('stop');
  await assert.rejects(
    forEachConcurrently([1], 1, async () => {}, { signal: AbortSignal.abort(reason) }),
    reason,
  );
});
