import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { collectBytes, fromBytes } from '@lade/streams';
import { describeBucketConformance } from './conformance.ts';
import { openBucket } from './open-bucket.ts';
import { watchBucket, type BucketEvent } from './watch-bucket.ts';

describeBucketConformance(
  'a watched bucket',
  async () => watchBucket(await openBucket('memory:'), () => {}),
  { isInMemory: true },
);

async function openWatched(): Promise<{
  bucket: ReturnType<typeof watchBucket>;
  told: () => Omit<BucketEvent, 'ms'>[];
}> {
  const events: BucketEvent[] = [];
  const bucket = watchBucket(await openBucket('memory:'), (event) => events.push(event));
  return {
    bucket,
    told: () =>
      events.splice(0).map(({ ms, ...event }) => {
        assert.ok(ms >= 0);
        return event;
      }),
  };
}

test('watchBucket() tells every object by key, bytes and range', async () => {
  const { bucket, told } = await openWatched();
  await bucket.put('a/1', Buffer.from('12345'));
  await bucket.put('a/2', fromBytes(Buffer.from('678')), { sizeBytes: 3 });
  assert.deepEqual(told(), [
    { operation: 'put', key: 'a/1', bytes: 5 },
    { operation: 'put', key: 'a/2', bytes: 3 },
  ]);
  const { body } = await bucket.get('a/1', { offset: 1, length: 3 });
  assert.deepEqual(told(), [], 'nothing was read yet');
  assert.equal(Buffer.from(await collectBytes(body, 10)).toString(), '234');
  await bucket.head('a/2');
  await Array.fromAsync(bucket.list('a/'));
  await bucket.delete(['a/1', 'a/2', 'a/3']);
  assert.deepEqual(told(), [
    { operation: 'get', key: 'a/1', bytes: 3, offset: 1 },
    { operation: 'head', key: 'a/2', bytes: 3 },
    { operation: 'list', key: 'a/', objects: 2 },
    { operation: 'delete', key: 'a/1' },
    { operation: 'delete', key: 'a/2' },
    { operation: 'delete', key: 'a/3' },
  ]);
});

test('watchBucket() tells by its code what failed, and what was left before its end', async () => {
  const { bucket, told } = await openWatched();
  await bucket.put('a', Buffer.alloc(600 << 10));
  const isMissing = (reason: unknown): boolean => isCodedError(reason, 'not_found');
  await assert.rejects(bucket.head('b'), isMissing);
  await assert.rejects(bucket.get('b'), isMissing);
  await assert.rejects(bucket.put('a', Buffer.from('x'), { condition: { absent: true } }));
  for await (const _ of (await bucket.get('a')).body) break;
  for await (const _ of bucket.list('')) break;
  assert.deepEqual(told().slice(1), [
    { operation: 'head', key: 'b', code: 'not_found' },
    { operation: 'get', key: 'b', code: 'not_found' },
    { operation: 'put', key: 'a', bytes: 1, code: 'already_exists' },
    { operation: 'get', key: 'a', bytes: 256 << 10, code: 'cancelled' },
    { operation: 'list', key: '', objects: 1, code: 'cancelled' },
  ]);
});
