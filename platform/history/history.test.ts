import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { countRequest, createRequestCounts, type RequestCounts } from '@lade/bucket';
import { SILENT } from '@lade/log';
import { openDatabase, type Database } from '@lade/sqlite';
import { History, HistoryTable } from './index.ts';

const NOON = Date.UTC(2026, 10, 27, 12);
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const seconds = (ms: number): number => (NOON + ms) / 1000;

/** A daemon whose clock is turned by hand. */
function open(db: Database = openDatabase(':memory:')) {
  const requests = createRequestCounts();
  const none = () => ({ chunks: 0, bytes: 0 });
  const fills = { bucket: none(), hot: none(), copied: none(), adopted: none(), zero: none() };
  const counters = { fills, waits: 0, waitMs: 0 };
  const history = new History({ table: new HistoryTable(db), requests, counters, log: SILENT });
  return { db, requests, counters, history };
}

function read(requests: RequestCounts, receivedBytes: number, isError = false): void {
  countRequest(requests, { class: 'read', isError, sentBytes: 10, receivedBytes });
}

function rowsOf(db: Database): number {
  return Number(db.prepare('SELECT count(*) AS n FROM history_work').get()?.['n']);
}

/** A second after the full minute, so that a minute that passes ends one. */
function setClock(t: { after(undo: () => void): void }, now = NOON): void {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: now + 1_000 });
  t.after(() => mock.timers.reset());
}

function pass(ms: number): void {
  for (let left = ms; left > 0; left -= MINUTE) mock.timers.tick(Math.min(left, MINUTE));
}

test('each minute has what was done in it, the last one before it is over, and hours have the sum', async (t) => {
  setClock(t);
  const { requests, counters, history } = open();
  read(requests, 100);
  pass(MINUTE);
  read(requests, 1_000, true);
  counters.fills.hot.bytes += 4_096;
  counters.waits += 2;
  counters.waitMs += 7.4;
  pass(3 * MINUTE);
  read(requests, 5);
  const minutes = history.read({ step: 'minute' });
  assert.deepEqual(minutes.at, [seconds(0), seconds(MINUTE), seconds(4 * MINUTE)]);
  assert.deepEqual(minutes.requests.read, {
    requests: [1, 1, 1],
    errors: [0, 1, 0],
    sentBytes: [10, 10, 10],
    receivedBytes: [100, 1_000, 5],
  });
  assert.deepEqual(minutes.requests.write.requests, [0, 0, 0]);
  assert.deepEqual(
    [minutes.fills.hot, minutes.fills.bucket],
    [
      [0, 4_096, 0],
      [0, 0, 0],
    ],
  );
  assert.deepEqual(minutes.waits, { reads: [0, 2, 0], ms: [0, 7, 0] });
  assert.deepEqual([minutes.since, minutes.until], [seconds(4 * MINUTE - DAY), seconds(4 * MINUTE + 1_000)]);
  const hours = history.read({ step: 'hour' });
  assert.deepEqual([hours.at, hours.requests.read.receivedBytes], [[seconds(0)], [1_105]]);
  const late = history.read({ step: 'minute', since: new Date(NOON + MINUTE + 30_000) });
  assert.deepEqual([late.since, late.at], [seconds(MINUTE), [seconds(MINUTE), seconds(4 * MINUTE)]]);
  await history[Symbol.asyncDispose]();
});

test('a daemon that is not asked for anything writes nothing', async (t) => {
  setClock(t);
  const { db, requests, counters, history } = open();
  counters.waitMs += 0.1;
  counters.waitMs += 0.2;
  pass(MINUTE);
  assert.equal(rowsOf(db), 2);
  const before = Number(db.prepare('SELECT total_changes() AS n').get()?.['n']);
  pass(90 * MINUTE);
  await history[Symbol.asyncDispose]();
  assert.equal(Number(db.prepare('SELECT total_changes() AS n').get()?.['n']), before);
  read(requests, 1);
  pass(HOUR);
  assert.equal(rowsOf(db), 2, 'nor does one that has stopped');
});

test('the next daemon goes on with the same minute, and counts from nothing', async (t) => {
  setClock(t);
  const first = open();
  read(first.requests, 100);
  pass(10_000);
  await first.history[Symbol.asyncDispose]();
  const second = open(first.db);
  read(second.requests, 1);
  const { at, requests } = second.history.read({ step: 'minute' });
  assert.deepEqual([at, requests.read.receivedBytes], [[seconds(0)], [101]]);
  await second.history[Symbol.asyncDispose]();
  assert.deepEqual(second.history.read({ step: 'hour' }).requests.read.requests, [2]);
});

test('minutes are kept for a day, hours for 30 days', async (t) => {
  setClock(t);
  const { db, requests, history } = open();
  for (let hour = 0; hour < 31 * 24; hour++) {
    read(requests, 1);
    pass(HOUR);
  }
  const counts = db.prepare('SELECT step, count(*) AS n FROM history_work GROUP BY step').all();
  assert.deepEqual(
    counts.map(({ step, n }) => [step, n]),
    [
      ['hour', 721],
      ['minute', 24],
    ],
  );
  assert.equal(history.read({ step: 'hour' }).at.length, 720);
  await history[Symbol.asyncDispose]();
});

test('a clock that went ahead leaves nothing that stays', async (t) => {
  setClock(t, NOON + 400 * DAY);
  const ahead = open();
  read(ahead.requests, 9);
  ahead.history.found({ listedAt: new Date(), kinds: [{ kind: 'packs', objects: 1, bytes: 9 }] });
  await ahead.history[Symbol.asyncDispose]();
  mock.timers.reset();
  setClock(t);
  const { db, requests, history } = open(ahead.db);
  assert.deepEqual([history.read({ step: 'hour' }).at, history.read({ step: 'hour' }).sizes.at], [[], []]);
  read(requests, 1);
  await history[Symbol.asyncDispose]();
  assert.equal(rowsOf(db), 2);
  assert.equal(db.prepare('SELECT count(*) AS n FROM history_sizes').get()?.['n'], 0);
});

test('sizes are kept when a listing finds them changed, and the last one from before stays', async (t) => {
  setClock(t);
  const { db, requests, history } = open();
  const find = (...kinds: [string, number, number][]): void =>
    history.found({
      listedAt: new Date(),
      kinds: kinds.map(([kind, objects, bytes]) => ({ kind, objects, bytes })),
    });
  find(['packs', 2, 900], ['hot', 1, 50]);
  pass(MINUTE);
  find(['packs', 2, 900], ['hot', 1, 50]);
  pass(MINUTE);
  find(['packs', 3, 1_000]);
  const { sizes } = history.read({ step: 'minute' });
  assert.deepEqual(sizes, {
    at: [seconds(0), seconds(2 * MINUTE)],
    kinds: {
      hot: { objects: [1, 0], bytes: [50, 0] },
      packs: { objects: [2, 3], bytes: [900, 1_000] },
    },
  });
  assert.deepEqual(history.read({ step: 'hour' }).sizes, {
    at: [seconds(0)],
    kinds: { packs: { objects: [3], bytes: [1_000] } },
  });
  pass(40 * DAY);
  read(requests, 1);
  pass(MINUTE);
  const later = history.read({ step: 'minute' }).sizes;
  assert.deepEqual([later.at, later.kinds['packs']?.bytes], [[seconds(2 * MINUTE)], [1_000]]);
  assert.equal(db.prepare('SELECT count(*) AS n FROM history_sizes').get()?.['n'], 2);
  await history[Symbol.asyncDispose]();
});

test('a bucket that has become empty is known to be', async (t) => {
  setClock(t);
  const { history } = open();
  history.found({ listedAt: new Date(), kinds: [{ kind: 'packs', objects: 1, bytes: 9 }] });
  pass(MINUTE);
  history.found({ listedAt: new Date(), kinds: [] });
  const { sizes } = history.read({ step: 'minute' });
  assert.deepEqual([sizes.at.length, sizes.kinds['packs']?.bytes], [2, [9, 0]]);
  await history[Symbol.asyncDispose]();
});

test('a listing that took long is kept where it began, and costs nothing that came since', async (t) => {
  setClock(t);
  const { requests, history } = open();
  const listedAt = new Date();
  pass(3 * HOUR);
  read(requests, 1);
  pass(MINUTE);
  history.found({ listedAt, kinds: [{ kind: 'packs', objects: 1, bytes: 9 }] });
  const { at, sizes } = history.read({ step: 'minute' });
  assert.deepEqual([at, sizes.at], [[seconds(3 * HOUR)], [seconds(0)]]);
  await history[Symbol.asyncDispose]();
});

test('a state database that cannot be written keeps nothing else from working', async (t) => {
  setClock(t);
  const { db, requests, history } = open();
  db.exec('PRAGMA query_only = 1');
  read(requests, 7);
  pass(MINUTE);
  history.found({ listedAt: new Date(), kinds: [] });
  db.exec('PRAGMA query_only = 0');
  pass(MINUTE);
  assert.deepEqual(history.read({ step: 'minute' }).requests.read.receivedBytes, [7]);
  assert.equal(rowsOf(db), 2);
  await history[Symbol.asyncDispose]();
});
