import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { EventLog, type LoggedEvent } from './index.ts';

const numbers = (events: readonly LoggedEvent[]): unknown[] => events.map(({ n }) => n);

test('recent() gives the last events that are wanted, numbered without gaps', () => {
  const log = new EventLog({ maxEvents: 3 });
  for (const n of [1, 2, 3, 4]) log.tell(n % 2 ? 'bucket.put' : 'bucket.get', { n, key: `packs/${n}` });
  const events = log.recent();
  assert.deepEqual(numbers(events), [2, 3, 4]);
  const [first = 0, ...ids] = events.map(({ id }) => id);
  assert.deepEqual(ids, [first + 1, first + 2]);
  assert.deepEqual(numbers(log.recent({ kind: 'bucket.p' })), [3]);
  assert.deepEqual(numbers(log.recent({ text: 'PACKS/4' })), [4]);
  assert.deepEqual(numbers(log.recent({ since: first + 1 })), [4]);
  assert.deepEqual(numbers(log.recent({ since: 7 })), [2, 3, 4], 'a number of another process');
  assert.deepEqual(log.recent({ from: '9999-01-01T00:00:00.000Z' }), []);
});

test('recent() gives what belongs to one trace, and nothing that only names it', () => {
  const log = new EventLog();
  log.tell('a', { n: 1, traceId: 'x' });
  log.tell('a', { n: 2, traceId: 'y' });
  log.tell('a', { n: 3, text: 'x' });
  assert.deepEqual(numbers(log.recent({ traceId: 'x' })), [1]);
});

test('a tail is the last of what is wanted, and what is followed begins with it', async () => {
  const log = new EventLog({ maxEvents: 4 });
  for (const n of [1, 2, 3, 4, 5]) log.tell(n % 2 ? 'odd' : 'even', { n });
  assert.deepEqual(numbers(log.recent({ tail: 2 })), [4, 5]);
  assert.deepEqual(numbers(log.recent({ kind: 'odd', tail: 1 })), [5]);
  assert.deepEqual(numbers(log.recent({ tail: 0 })), []);
  assert.deepEqual(numbers(log.recent({ tail: 9 })), [2, 3, 4, 5]);
  const events = log.follow({ tail: 0 }, new AbortController().signal);
  const next = events.next();
  log.tell('odd', { n: 7 });
  assert.equal((await next).value.n, 7);
});

test('fields do not take the place of number, time and kind', () => {
  const log = new EventLog();
  log.tell('a', { id: 'x', kind: 'y' });
  const [event] = log.recent();
  assert.equal(event?.kind, 'a');
  assert.equal(typeof event?.id, 'number');
});

test('the log is bounded in bytes, and always has the last event', () => {
  const log = new EventLog({ maxBytes: 4096 });
  for (const n of [1, 2, 3, 4]) log.tell('a', { n, text: 'x'.repeat(1500) });
  assert.deepEqual(numbers(log.recent()), [3, 4]);
  log.tell('a', { n: 5, list: ['x'.repeat(10_000)] });
  assert.deepEqual(numbers(log.recent()), [5]);
});

test('follow() gives what was, then what comes, until it is told to stop', async () => {
  const log = new EventLog();
  log.tell('a', { n: 1 });
  const stop = new AbortController();
  const events = log.follow({ kind: 'a' }, stop.signal);
  assert.equal((await events.next()).value.n, 1);
  const next = events.next();
  await setImmediate();
  log.tell('b', { n: 2 });
  log.tell('a', { n: 3 });
  assert.equal((await next).value.n, 3);
  const last = events.next();
  await setImmediate();
  stop.abort(new Error('enough'));
  await assert.rejects(last, /enough/);
});

test('a follower that is too slow is told how much it has lost, and holds up nobody', async () => {
  const log = new EventLog({ maxEvents: 10 });
  log.tell('a', { n: 0 });
  const events = log.follow({}, new AbortController().signal);
  assert.equal((await events.next()).value.n, 0);
  for (let n = 1; n <= 1000; n++) log.tell('a', { n });
  assert.deepEqual((await events.next()).value, { kind: 'lost', count: 990 });
  for (let n = 1001; n <= 1005; n++) log.tell('a', { n });
  assert.deepEqual((await events.next()).value, { kind: 'lost', count: 5 });
  const rest: unknown[] = [];
  for (let i = 0; i < 10; i++) rest.push((await events.next()).value.n);
  assert.deepEqual(rest, [996, 997, 998, 999, 1000, 1001, 1002, 1003, 1004, 1005]);
});

test('who comes back to what is forgotten by now is told so', async () => {
  const log = new EventLog({ maxEvents: 2 });
  log.tell('a');
  const [first] = log.recent();
  for (let n = 1; n <= 4; n++) log.tell('a', { n });
  const events = log.follow({ since: first?.id ?? 0 }, new AbortController().signal);
  assert.deepEqual((await events.next()).value, { kind: 'lost', count: 2 });
  assert.equal((await events.next()).value.n, 3);
});
