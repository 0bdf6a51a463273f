import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { eventsOf } from './index.ts';

const keyOf = (event: string): string => event.charAt(0);

test('eventsOf() gives events in order, and leaves out what was replaced before it was taken', async () => {
  const events: string[] = [];
  const told = eventsOf<string>(
    async (tell) => {
      for (const event of ['a1', 'b1', 'a2', 'c1']) tell(event);
      await turn();
      for (const event of ['a3', 'b2']) tell(event);
    },
    { keyOf },
  );
  for await (const event of told) events.push(event);
  assert.deepEqual(events, ['a2', 'b1', 'c1', 'a3', 'b2']);
});

test('eventsOf() throws what the work throws, after its events', async () => {
  const told = eventsOf<string>(
    async (tell) => {
      tell('a');
      throw new Error('broken');
    },
    { keyOf },
  );
  assert.deepEqual(await told.next(), { done: false, value: 'a' });
  await assert.rejects(told.next(), /broken/);
});

test('eventsOf() ends the work when its consumer leaves, and waits for it', async () => {
  let isEnded = false;
  const told = eventsOf<string>(
    async (tell, signal) => {
      tell('a');
      await once(signal, 'abort');
      await turn();
      isEnded = true;
    },
    { keyOf },
  );
  for await (const _ of told) break;
  assert.ok(isEnded);
});
