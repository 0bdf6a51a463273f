import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import type { FoundCredentials } from './credentials.ts';
import { RotatingCredentials } from './rotating-credentials.ts';

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
    now: () => this.nowMs,
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
