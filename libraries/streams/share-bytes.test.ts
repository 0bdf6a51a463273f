import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { collectBytes, shareBytes, type ByteSource } from './index.ts';

/** Counts what was read of it, and whether it was returned. */
class Source {
  read = 0;
  isReturned = false;

  async *bytes(count: number, end?: () => void): AsyncGenerator<Uint8Array> {
    try {
      for (let n = 0; n < count; n++) {
        this.read++;
        await sleep(0);
        yield Buffer.from([n]);
      }
      end?.();
    } finally {
      this.isReturned = true;
    }
  }
}

const collect = async (bytes: ByteSource): Promise<string> =>
  Buffer.from(await collectBytes(bytes, 1000)).toString('hex');

test('shareBytes() gives every consumer all bytes of one reading', async () => {
  const source = new Source();
  const outcomes = await shareBytes(source.bytes(5), [collect, collect, collect]);
  for (const outcome of outcomes) assert.deepEqual(outcome, { status: 'fulfilled', value: '0001020304' });
  assert.deepEqual([source.read, source.isReturned], [5, true]);
});

test('shareBytes() lets nobody get more than one chunk ahead', async () => {
  const source = new Source();
  let slow = 0;
  await shareBytes(source.bytes(20), [
    async (bytes) => {
      for await (const _ of bytes) assert.ok(source.read - slow <= 2);
    },
    async (bytes) => {
      for await (const _ of bytes) {
        await sleep(2);
        slow++;
      }
    },
  ]);
  assert.equal(slow, 20);
});

test('shareBytes() goes on without a consumer that ends, fails or never reads', async () => {
  const failure = new Error('of its own');
  const [whole, early, failed, idle] = await shareBytes(new Source().bytes(4), [
    collect,
    async (bytes) => {
      for await (const chunk of bytes) return chunk[0];
      return undefined;
    },
    async (bytes) => {
      for await (const _ of bytes) throw failure;
    },
    async () => 'did not look',
  ]);
  assert.deepEqual(whole, { status: 'fulfilled', value: '00010203' });
  assert.deepEqual(early, { status: 'fulfilled', value: 0 });
  assert.deepEqual(failed, { status: 'rejected', reason: failure });
  assert.deepEqual(idle, { status: 'fulfilled', value: 'did not look' });
});

test('shareBytes() returns the source when nobody is left', async () => {
  const source = new Source();
  const first = async (bytes: ByteSource): Promise<void> => {
    for await (const _ of bytes) return;
  };
  await shareBytes(source.bytes(100), [first, first]);
  assert.ok(source.isReturned);
  assert.equal(source.read, 1);
});

test('shareBytes() tells every consumer of an error of the source', async () => {
  const failure = new Error('of the source');
  const fail = (): void => {
    throw failure;
  };
  const outcomes = await shareBytes(new Source().bytes(2, fail), [collect, collect]);
  for (const outcome of outcomes) assert.deepEqual(outcome, { status: 'rejected', reason: failure });
});
