import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { BucketHealth, openBucket, watchBucket, type Bucket } from '@lade/bucket';
import { BucketProbe } from './bucket-probe.ts';

const { signal } = new AbortController();

interface Site {
  readonly bucket: Bucket;
  readonly probe: BucketProbe;
  /** How often the bucket was asked. */
  readonly asked: () => number;
  readonly pass: (ms: number) => void;
}

/** A bucket that is asked for nothing but by those who want to know how it is, and whose reads `answer`. */
async function open(t: TestContext, answer?: Bucket['get']): Promise<Site> {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  const store = await openBucket('memory:');
  t.after(async () => store[Symbol.asyncDispose]());
  await store.put('nodes/a', Buffer.from('record'));
  const health = new BucketHealth(store.location);
  let asked = 0;
  if (answer) store.get = answer;
  const bucket = watchBucket(store, (...told) => {
    asked++;
    health.tell(...told);
  });
  const probe = new BucketProbe(bucket, health, 'nodes/a', () => Date.now());
  return { bucket, probe, asked: () => asked, pass: (ms) => t.mock.timers.tick(ms) };
}

test('a bucket of which nothing was heard is asked for a byte, once a minute at most', async (t) => {
  const { probe, asked, pass } = await open(t);
  assert.equal((await probe.condition(signal)).state, 'healthy');
  for (let seconds = 0; seconds < 59; seconds++) {
    await probe.condition(signal);
    pass(1_000);
  }
  assert.equal(asked(), 1);
  pass(1_000);
  await Promise.all([probe.condition(signal), probe.condition(signal)]);
  assert.equal(asked(), 2);
});

test('a bucket in use is not asked', async (t) => {
  const { bucket, probe, asked, pass } = await open(t);
  for (let i = 0; i < 10; i++) {
    await bucket.head('nodes/a');
    pass(50_000);
    await probe.condition(signal);
  }
  assert.equal(asked(), 10);
});

test('a missing object is an answer', async (t) => {
  const { bucket, probe } = await open(t);
  await bucket.delete(['nodes/a']);
  assert.equal((await probe.condition(signal)).state, 'healthy');
});

test('nobody waits for longer than wanted', async (t) => {
  const { promise } = Promise.withResolvers<never>();
  const silent = await open(t, async () => promise);
  assert.equal((await silent.probe.condition(AbortSignal.abort())).state, 'unknown');
});
