import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import type { FoundCredentials } from './credentials.ts';
import { RotatingCredentials } from './rotating-credentials.ts';
import { StoreClock } from './store-clock.ts';

const START_MS = Date.UTC(2026, 0, 1);

/** A source that gives keys of 30 seconds, and a clock that stands still. */
class Bed {
  nowMs = START_MS;
  looks = 0;
  lifetimeMs: number | undefined = 30_000;
  fails = false;
  readonly told: string[] = [];
  readonly credentials = new RotatingCredentials(async () => this.#find(), {
    location: 'obs://bucket/',
    clock: { now: () => this.nowMs },
    elapsed: () => this.nowMs,
    tell: ({ kind }) => void this.told.push(kind),
  });

  async key(): Promise<string> {
    return (await this.credentials.get()).accessKeyId;
  }

  async #find(): Promise<FoundCredentials> {
    this.looks++;
    await turn();
    if (this.fails) throw new Error('the source is gone');
    const expiresAt =
      this.lifetimeMs === undefined ? {} : { expiresAt: new Date(this.nowMs + this.lifetimeMs) };
    return { accessKeyId: `key-${this.looks}`, secretAccessKey: 's', source: 'a test', ...expiresAt };
  }
}

test('all who ask at once share one look', async () => {
  const bed = new Bed();
  assert.deepEqual(await Promise.all([bed.key(), bed.key(), bed.key()]), ['key-1', 'key-1', 'key-1']);
  assert.deepEqual([bed.looks, bed.told], [1, ['found']]);
});

test('new ones are looked for before the old ones expire, and nobody waits for that', async () => {
  const bed = new Bed();
  await bed.key();
  bed.nowMs += 19_000;
  assert.equal(await bed.key(), 'key-1');
  assert.equal(bed.looks, 1);
  bed.nowMs += 2_000;
  assert.equal(await bed.key(), 'key-1');
  await turn();
  await turn();
  assert.equal(await bed.key(), 'key-2');
});

test('a source in trouble costs nothing as long as the old ones hold, then it is an error', async () => {
  const bed = new Bed();
  await bed.key();
  bed.fails = true;
  for (bed.nowMs += 21_000; bed.nowMs < START_MS + 30_000; bed.nowMs += 2_000) {
    assert.equal(await bed.key(), 'key-1');
    await turn();
    await turn();
  }
  assert.ok(bed.looks > 3);
  assert.ok(bed.told.includes('kept'));
  bed.nowMs = START_MS + 30_000;
  bed.credentials.refuse(await bed.credentials.get());
  await assert.rejects(bed.key(), /the source is gone/);
  bed.fails = false;
  assert.match(await bed.key(), /^key-/);
});

test('what has expired by this clock alone is used until the store refuses it, or no clock can be so wrong', async () => {
  const bed = new Bed();
  const aheadMs = 5 * 60_000;
  bed.lifetimeMs = 30_000 - aheadMs;
  assert.equal(await bed.key(), 'key-1');
  assert.equal(await bed.key(), 'key-1');
  bed.nowMs += 1_001;
  assert.equal(await bed.key(), 'key-2');
  bed.fails = true;
  bed.nowMs += 1_001;
  const last = await bed.credentials.get();
  assert.equal(last.accessKeyId, 'key-2');
  bed.nowMs += 15 * 60_000;
  await assert.rejects(bed.key(), /the source is gone/);
  bed.fails = false;
  await bed.key();
  bed.credentials.refuse(await bed.credentials.get());
  assert.equal(await bed.key(), `key-${bed.looks}`);
});

test('what a store refuses is replaced at the next question, at most once a second', async () => {
  const bed = new Bed();
  bed.lifetimeMs = undefined;
  const first = await bed.credentials.get();
  bed.nowMs += 2_000;
  bed.credentials.refuse(first);
  assert.deepEqual(await Promise.all([bed.key(), bed.key()]), ['key-2', 'key-2']);
  bed.credentials.refuse(first);
  assert.deepEqual(await Promise.all([bed.key(), bed.key()]), ['key-2', 'key-2']);
  bed.credentials.refuse(await bed.credentials.get());
  assert.equal(await bed.key(), 'key-2');
  bed.nowMs += 1_001;
  assert.equal(await bed.key(), 'key-3');
});

test('what does not expire is looked for again once in a while', async () => {
  const bed = new Bed();
  bed.lifetimeMs = undefined;
  await bed.key();
  bed.nowMs += 61_000;
  await bed.key();
  await turn();
  await turn();
  assert.equal(await bed.key(), 'key-2');
});

test('a source without credentials, or with expired ones, is named', async () => {
  const location = 's3://bucket/';
  const none = new RotatingCredentials(async () => undefined, { location });
  await assert.rejects(
    none.get(),
    (e) => isCodedError(e, 'unauthenticated') && /s3:..bucket/.test(e.message),
  );
  const old = { accessKeyId: 'a', secretAccessKey: 'b', source: 'file /x', expiresAt: new Date(0) };
  const expired = new RotatingCredentials(async () => old, { location });
  await assert.rejects(
    expired.get(),
    (e) =>
      isCodedError(e, 'unauthenticated') && /file \/x.*1970/.test(e.message) && /clock/.test(e.cure ?? ''),
  );
});

/** Keys of 30 seconds by the clock of a store that is ahead of this machine's, which learns so from the store's answers. */
class SkewedBed {
  elapsedMs = 0;
  looks = 0;
  isOut = false;
  readonly #aheadMs: number;
  readonly #time = { now: () => START_MS + this.elapsedMs, elapsed: () => this.elapsedMs };
  readonly clock = new StoreClock(this.#time);
  readonly credentials = new RotatingCredentials(async () => this.#find(), {
    location: 'obs://bucket/',
    clock: this.clock,
    elapsed: this.#time.elapsed,
  });

  constructor(aheadMs: number) {
    this.#aheadMs = aheadMs;
  }

  /** Signs a request, whose answer is dated by the store. */
  async request(): Promise<string> {
    const { accessKeyId } = await this.credentials.get();
    this.clock.hear(new Date(START_MS + this.elapsedMs + this.#aheadMs).toUTCString(), 10);
    await turn();
    await turn();
    return accessKeyId;
  }

  /** A new one every 20 seconds. */
  async #find(): Promise<FoundCredentials> {
    this.looks++;
    await turn();
    if (this.isOut) throw new Error('the source is out');
    const number = Math.floor(this.elapsedMs / 20_000);
    const expiresAt = new Date(START_MS + this.#aheadMs + number * 20_000 + 30_000);
    return { accessKeyId: `key-${number}`, secretAccessKey: 's', source: 'a test', expiresAt };
  }
}

for (const minutes of [-14, -5, 0, 5, 14, 60])
  test(`keys are renewed in time for a store whose clock is ${minutes} minutes ahead`, async () => {
    const bed = new SkewedBed(minutes * 60_000);
    for (; bed.elapsedMs < 20_000; bed.elapsedMs += 500) assert.equal(await bed.request(), 'key-0');
    for (; bed.elapsedMs < 21_500; bed.elapsedMs += 500) await bed.request();
    assert.ok(bed.looks <= 3, `${bed.looks} looks`);
    bed.isOut = true;
    for (; bed.elapsedMs < 49_000; bed.elapsedMs += 500) assert.equal(await bed.request(), 'key-1');
    bed.isOut = false;
    for (; bed.elapsedMs < 50_500; bed.elapsedMs += 500) await bed.request();
    assert.equal(await bed.request(), 'key-2');
  });

test('what was used is renewed in time even if nobody asks just then, again and again until something new is there', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const bed = new SkewedBed(0);
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      bed.elapsedMs += 500;
      t.mock.timers.tick(500);
      await turn();
      await turn();
    }
  };
  await bed.request();
  bed.elapsedMs += 1_000;
  await bed.request();
  bed.isOut = true;
  await pass(23_000);
  assert.ok(bed.looks > 3, `${bed.looks} looks`);
  bed.isOut = false;
  await pass(2_000);
  const { looks } = bed;
  bed.isOut = true;
  assert.equal(await bed.request(), 'key-1');
  assert.equal(bed.looks, looks);
});

test('nothing new is looked for where nobody has used what is there', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const bed = new SkewedBed(0);
  await bed.request();
  bed.elapsedMs += 1_000;
  await bed.request();
  for (; bed.elapsedMs < 200_000; bed.elapsedMs += 500) {
    t.mock.timers.tick(500);
    await turn();
    await turn();
  }
  assert.equal(bed.looks, 2);
});
