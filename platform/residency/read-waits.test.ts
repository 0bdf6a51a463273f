import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HotChunk } from '@lade/layers';
import { CodedError } from '@lade/errors';
import { WAIT_CAUSES } from './read-waits.ts';
import { openLazyWorld } from './testing/lazy-world.ts';
import { openFiller, publishTestLayer } from './testing/published-layer.ts';

test('a fill tells where the last chunk that it waited for came from', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const { table } = layer;
  const blob = await filler.open();
  const bytes = await readFile(join(layer.original, 'blob'));
  const [gate, number] = [Promise.withResolvers<void>(), 2];
  const range = [table.offsetOf(number), table.get(number).rawBytes] as const;
  async function* chunks(): AsyncGenerator<readonly HotChunk[]> {
    await gate.promise;
    yield [{ number, raw: bytes.subarray(range[0], range[0] + range[1]) }];
  }
  const start = blob.anticipate({ numbers: [number], chunks });
  const waiting = blob.fill(...range);
  const other = await blob.fill(table.offsetOf(number + 1), 1);
  gate.resolve();
  assert.deepEqual([await waiting, other, await blob.fill(...range)], ['hot', 'bucket', undefined]);
  await start;
  const { bucket, hot, copied } = filler.counters.fills;
  assert.deepEqual(bucket, { chunks: 1, bytes: table.get(number + 1).rawBytes });
  assert.deepEqual(hot, { chunks: 1, bytes: range[1] });
  assert.deepEqual(copied, { chunks: 0, bytes: 0 });
});

test('every read that has waited is counted once, by what it waited for', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel, bucket } = world;
  const [{ index, blob }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await kernel.read(1, 0, 4096);
  bucket.choose = () => ({
    before: () => {
      throw new CodedError('permission_denied', 'Cannot read: no right');
    },
  });
  await assert.rejects(kernel.read(1, blob.length - 4096, 4096));
  const { counters } = node.residency;
  const counted = WAIT_CAUSES.map((cause) => [cause, counters.readWaits[cause].count]);
  const expected = { bucket: 1, hot: 0, copied: 0, adopted: 0, zero: 0, none: 0, failed: 1 };
  assert.deepEqual(Object.fromEntries(counted), expected);
  assert.equal(counters.waits, 2);
});
