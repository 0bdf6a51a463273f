import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '@lade/errors';
import { Sessions, type Input } from './sessions.ts';

interface Recorded extends Input {
  readonly seen: string[];
  /** Lets the next write through. */
  take(): void;
}

function slowInput(): Recorded {
  const seen: string[] = [];
  let next = Promise.withResolvers<void>();
  return {
    seen,
    take() {
      next.resolve();
      next = Promise.withResolvers();
    },
    async write(bytes) {
      await next.promise;
      seen.push(Buffer.from(bytes).toString());
    },
    end: async () => void seen.push('end'),
    resize: async ({ columns, rows }) => void seen.push(`${columns}x${rows}`),
  };
}

test('what is written arrives in order, and nobody can write what is not taken', async () => {
  const sessions = new Sessions();
  const input = slowInput();
  const session = sessions.open(input);
  const writes = ['a', 'b', ''].map(async (text) => sessions.write(session.id, Buffer.from(text)));
  await sessions.resize(session.id, { columns: 9, rows: 8 });
  assert.deepEqual(input.seen, ['9x8']);
  for (let i = 0; i < 5; i++) {
    input.take();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(writes);
  assert.deepEqual(input.seen, ['9x8', 'a', 'b', 'end']);
  const waiting = Array.from({ length: 8 }, async () => sessions.write(session.id, Buffer.from('x')));
  await assert.rejects(sessions.write(session.id, Buffer.from('x')), { code: 'resource_exhausted' });
  const results = Promise.allSettled(waiting);
  session[Symbol.dispose]();
  for (const result of await results)
    assert.equal(codeOf((result as PromiseRejectedResult).reason), 'not_found');
  await assert.rejects(sessions.write(session.id, Buffer.from('x')), { code: 'not_found' });
});

test('sessions are told apart by ids that nobody can guess', async () => {
  const sessions = new Sessions();
  const ids = Array.from({ length: 100 }, () => sessions.open(slowInput()).id);
  assert.equal(new Set(ids).size, 100);
  for (const id of ids) assert.match(id, /^[\w-]{32}$/);
  await assert.rejects(sessions.resize('none', { columns: 1, rows: 1 }), { code: 'not_found' });
});
