import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { digestOf } from '@lade/oci';
import { AnnouncedStarts } from './announced-starts.ts';

const DIFF_ID = digestOf('layer');

test('what the bucket knows of a start is read when the layer is announced, and taken once', async () => {
  await using memory = await openBucket('memory:');
  const asked: string[] = [];
  const get: typeof memory.get = async (key, options) => {
    asked.push(key);
    return memory.get(key, options);
  };
  const bucket = new Proxy(memory, {
    get: (target, name) => (name === 'get' ? get : (Reflect.get(target, name) as unknown)),
  });
  await using starts = new AnnouncedStarts(bucket);
  const { signal } = new AbortController();
  starts.announce(DIFF_ID);
  starts.announce(DIFF_ID);
  assert.equal(asked.length, 1);
  assert.equal(await starts.take(DIFF_ID, signal), undefined);
  assert.equal(asked.length, 1);
  assert.equal(await starts.take(DIFF_ID, signal), undefined);
  assert.equal(asked.length, 2);
});
