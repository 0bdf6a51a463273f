import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit } from './rate-limit.ts';

/** A limit that is in debt for a while, and what has been let through since. */
async function openBusy(): Promise<{
  pass: (name: string, isUrgent?: boolean) => Promise<void>;
  passed: string[];
}> {
  const limit = new RateLimit(10_000);
  await limit.take(11_000);
  const passed: string[] = [];
  return {
    passed,
    async pass(name, isUrgent = false) {
      await limit.take(1, { isUrgent });
      passed.push(name);
    },
  };
}

test('RateLimit lets no more through than was asked for', async () => {
  const limit = new RateLimit(1000);
  const started = performance.now();
  await Promise.all(Array.from({ length: 1200 }, async () => limit.take(1)));
  assert.ok(performance.now() - started >= 195);
  await limit.take(100);
  await limit.take(1);
  assert.ok(performance.now() - started >= 295, 'who comes after a large amount waits for it');
});

test('RateLimit lets urgent ones pass first, the others in their order', async () => {
  const { pass, passed } = await openBusy();
  await Promise.all([pass('a'), pass('b'), pass('reader', true), pass('c')]);
  assert.deepEqual(passed, ['reader', 'a', 'b', 'c']);
});

test('RateLimit forgets nobody over urgent ones', async () => {
  const { pass, passed } = await openBusy();
  const urgent = Array.from({ length: 50 }, async (_, i) => pass(`${i}`, true));
  await Promise.all([...urgent, pass('other')]);
  assert.ok(passed.indexOf('other') < 10, String(passed.indexOf('other')));
});

test('RateLimit lets go of who gives up, and takes nothing for it', async () => {
  const limit = new RateLimit(1000);
  await limit.take(1050);
  const stop = new AbortController();
  const given = limit.take(1_000_000, { signal: stop.signal });
  const waiting = limit.take(1);
  stop.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
  await waiting;
  await assert.rejects(limit.take(1, { signal: stop.signal }), /enough/);
});
