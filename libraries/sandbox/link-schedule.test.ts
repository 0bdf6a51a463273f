import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkSchedule, type Piece } from './link-schedule.ts';

/** 100 Mb/s, 10 ms. */
const SPEED = { bytesPerMs: 12_500, delayMs: 10 };

interface Arrival extends Piece<string> {
  readonly at: number;
}

/** Lets time jump from one thing to do to the next. */
function runDry(link: LinkSchedule<string>): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let at = link.nextAt; at !== undefined; at = link.nextAt)
    arrivals.push(...link.advance(at).map((piece) => ({ ...piece, at: at ?? 0 })));
  return arrivals;
}

function bytesOf(arrivals: readonly Arrival[], sender: string): number {
  return arrivals.filter((each) => each.sender === sender).reduce((sum, { bytes }) => sum + bytes.length, 0);
}

test('a small message costs the delay and nothing more', () => {
  const link = new LinkSchedule<string>(SPEED);
  link.push({ sender: 'a', bytes: Buffer.alloc(125) }, 1000);
  assert.deepEqual(
    runDry(link).map(({ at }) => at),
    [1010.01],
  );
});

test('a stream has the whole bandwidth: the delay comes once, since pieces travel behind each other', () => {
  const link = new LinkSchedule<string>(SPEED);
  for (let i = 0; i < 100; i++) link.push({ sender: 'a', bytes: Buffer.alloc(125_000) }, 0);
  const arrivals = runDry(link);
  assert.equal(bytesOf(arrivals, 'a'), 12_500_000);
  const elapsed = arrivals.at(-1)?.at ?? 0;
  assert.ok(Math.abs(elapsed - 1010) < 0.001, `${elapsed} ms`);
});

test('connections share the bandwidth in equal parts, however much one has to send', () => {
  const link = new LinkSchedule<string>(SPEED);
  link.push({ sender: 'greedy', bytes: Buffer.alloc(10_000_000) }, 0);
  link.push({ sender: 'modest', bytes: Buffer.alloc(1_000_000) }, 0);
  const arrivals = runDry(link);
  const end = arrivals.findLast(({ sender }) => sender === 'modest')?.at ?? 0;
  assert.ok(Math.abs(end - 170) < 3, `${end} ms`);
  assert.equal(arrivals.at(-1)?.sender, 'greedy');
});

test('who looks late loses no bandwidth while senders wait', () => {
  const link = new LinkSchedule<string>(SPEED);
  link.push({ sender: 'a', bytes: Buffer.alloc(1_250_000) }, 0);
  let arrived = 0;
  for (let now = 0; now <= 200; now += 7)
    if (now <= 112) arrived = link.advance(now).reduce((sum, { bytes }) => sum + bytes.length, arrived);
  assert.equal(arrived, 1_250_000);
});

test('an idle link saves no bandwidth up', () => {
  const link = new LinkSchedule<string>(SPEED);
  link.push({ sender: 'a', bytes: Buffer.alloc(12_500) }, 0);
  runDry(link);
  link.push({ sender: 'a', bytes: Buffer.alloc(12_500) }, 5000);
  assert.equal(runDry(link).at(-1)?.at, 5011);
});

test('bytes and their end keep their order; what a reset connection has not sent is gone', () => {
  const link = new LinkSchedule<string>(SPEED);
  const text = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i));
  link.push({ sender: 'a', bytes: text }, 0);
  link.push({ sender: 'a', bytes: Buffer.alloc(0) }, 0);
  link.push({ sender: 'b', bytes: text }, 0);
  link.drop('b');
  const arrivals = runDry(link);
  assert.deepEqual(Buffer.concat(arrivals.map(({ bytes }) => bytes)), text);
  assert.equal(arrivals.at(-1)?.bytes.length, 0);
  assert.equal(bytesOf(arrivals, 'b'), 0);
});
