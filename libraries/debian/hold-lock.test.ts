import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { holdLock } from './hold-lock.ts';

test('holdLock() makes the second wait for the first, until told to give up', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-lock-'));
  const file = join(folder.path, 'deep/lock');
  const first = await holdLock(file);
  const stop = new AbortController();
  const givesUp = holdLock(file, { signal: stop.signal });
  await assert.rejects(holdLock(file, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const order: string[] = [];
  const waits = holdLock(file).then((lock) => {
    order.push('second');
    return lock;
  });
  await sleep(100);
  stop.abort();
  await assert.rejects(givesUp, (e) => isCodedError(e, 'cancelled'));
  await sleep(100);
  order.push('first');
  await first[Symbol.asyncDispose]();
  await (await waits)[Symbol.asyncDispose]();
  assert.deepEqual(order, ['first', 'second']);
});
