import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreClock } from './store-clock.ts';

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

/** A machine, and a store whose clock is ahead of the machine's by `aheadMs`. */
class Bed {
  elapsedMs = 5_000;
  /** What the machine's clock is set wrong by. */
  setMs = 0;
  aheadMs = 0;
  readonly clock = new StoreClock({ now: () => this.now(), elapsed: () => this.elapsedMs });

  now(): number {
    return START_MS + this.elapsedMs + this.setMs;
  }

  store(): number {
    return START_MS + this.elapsedMs + this.aheadMs;
  }

  /** The store dates its answer when half of the time is over. */
  ask(tookMs = 20): void {
    this.elapsedMs += tookMs / 2;
    const date = new Date(this.store()).toUTCString();
    this.elapsedMs += tookMs / 2;
    this.clock.hear(date, tookMs);
  }
}

function assertNear(found: number | undefined, expected: number, withinMs: number): void {
  assert.ok(
    found !== undefined && Math.abs(found - expected) <= withinMs,
    `${found} is not near ${expected}`,
  );
}

test('until the store has told its time, it is that of this machine', () => {
  const bed = new Bed();
  assert.equal(bed.clock.now(), bed.now());
  assert.equal(bed.clock.aheadMs(), undefined);
});

for (const minutes of [-20, -5, 0, 5, 20])
  test(`a store ${minutes} minutes ahead is known to a second, and better with every answer`, () => {
    const bed = new Bed();
    bed.aheadMs = minutes * MINUTE_MS + 321;
    bed.ask();
    assertNear(bed.clock.now(), bed.store(), 520);
    assertNear(bed.clock.aheadMs(), bed.aheadMs, 520);
    for (let i = 0; i < 20; i++) {
      bed.elapsedMs += 1_130;
      bed.ask();
    }
    assertNear(bed.clock.now(), bed.store(), 100);
  });

test('an answer that was long on its way makes it no worse', () => {
  const bed = new Bed();
  bed.aheadMs = 5 * MINUTE_MS;
  bed.ask();
  bed.elapsedMs += 2_000;
  bed.ask(14_000);
  assertNear(bed.clock.now(), bed.store(), 520);
});

test('it goes on when the clock of this machine is set, and follows when that of the store is', () => {
  const bed = new Bed();
  bed.ask();
  bed.setMs = -3_600_000;
  assertNear(bed.clock.now(), bed.store(), 520);
  assertNear(bed.clock.aheadMs(), 3_600_000, 520);
  bed.aheadMs = -10 * MINUTE_MS;
  bed.elapsedMs += 2_000;
  bed.ask();
  assertNear(bed.clock.now(), bed.store(), 520);
});

test('one answer a second is listened to', () => {
  const bed = new Bed();
  bed.ask();
  bed.aheadMs = MINUTE_MS;
  bed.ask();
  assertNear(bed.clock.aheadMs(), 0, 520);
  bed.elapsedMs += 1_000;
  bed.ask();
  assertNear(bed.clock.aheadMs(), MINUTE_MS, 520);
});

test('what is no date, or that of another day, tells nothing', () => {
  for (const date of [
    undefined,
    '',
    'tomorrow',
    new Date(0).toUTCString(),
    'Sat, 01 Jan 2101 00:00:00 GMT',
  ]) {
    const bed = new Bed();
    bed.clock.hear(date, 10);
    assert.equal(bed.clock.aheadMs(), undefined, date);
    assert.equal(bed.clock.now(), bed.now());
  }
});
