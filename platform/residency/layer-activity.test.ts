import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { ChunkTable, publishHotChunks } from '@lade/layers';
import { followLayer, type LayerActivity } from './layer-activity.ts';
import { residentBytes, residentChunks } from './resident-chunks.ts';
import { openLazyWorld, type LazyWorld } from './testing/lazy-world.ts';
import { openTestNode } from './testing/test-node.ts';
import { traceLayer } from './trace-layer.ts';

const NEVER = new AbortController().signal;

function follow(
  { node, layers: [{ index }] }: LazyWorld,
  signal: AbortSignal,
): AsyncGenerator<LayerActivity> {
  return followLayer(node.layers, index.header.diffId, { signal, paceMs: 1 });
}

/** The next event of a kind. */
async function next<K extends LayerActivity['kind']>(
  events: AsyncGenerator<LayerActivity>,
  kind: K,
): Promise<Extract<LayerActivity, { kind: K }>> {
  for (;;) {
    const { value } = await events.next();
    if (value.kind === kind) return value;
  }
}

test('who follows a layer hears what is here, what is read, what comes, and who waits', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel } = world;
  const [{ index }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  const stop = new AbortController();
  const events = follow(world, stop.signal);
  assert.deepEqual((await events.next()).value, { kind: 'resident', chunks: [] });
  await node.layers.mount(layer.diffId);
  assert.deepEqual((await next(events, 'reads')).seen, true);
  const table = ChunkTable.of(index);
  await kernel.read(1, table.offsetOf(2), 10);
  assert.deepEqual((await next(events, 'touched')).chunks, [2]);
  assert.ok((await next(events, 'resident')).chunks.includes(2));
  const { waits, waitMs } = await next(events, 'waited');
  assert.equal(waits, 1);
  assert.ok(waitMs > 0);
  // What was read before is read again unseen; what is new in the same chunk is seen.
  await kernel.read(1, table.offsetOf(2), 10);
  await kernel.read(1, table.offsetOf(2) + 8192, 10);
  assert.deepEqual((await next(events, 'touched')).chunks, [2]);
  stop.abort(new Error('enough'));
  await assert.rejects(Array.fromAsync(events), { name: 'AbortError' });
});

test('who follows hears of chunks that were given up', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel } = world;
  const [{ index }] = world.layers;
  using layer = await node.layers.fetch(index, {});
  await node.layers.mount(layer.diffId);
  await kernel.read(1, 0, index.header.blobBytes);
  await kernel.untilWhole(1);
  const stop = new AbortController();
  const events = follow(world, stop.signal);
  assert.equal((await next(events, 'resident')).chunks.length, index.chunks.length);
  assert.equal((await next(events, 'reads')).seen, false, 'the kernel reads the blob by itself');
  const { served } = await node.layers.inspect(layer.diffId);
  served?.bits.resident.clear(0, 1);
  assert.deepEqual((await next(events, 'evicted')).chunks, [0]);
  served?.bits.resident.set(0, 1);
  stop.abort();
});

test('what is resident is told of a layer that is mounted, at rest, or whole', async () => {
  await using world = await openLazyWorld({});
  const { node, kernel } = world;
  const [{ index }] = world.layers;
  const table = ChunkTable.of(index);
  using layer = await node.layers.fetch(index, {});
  const look = async (): Promise<[bytes: number, first: number | undefined]> => {
    const seen = await node.layers.inspect(layer.diffId);
    return [await residentBytes(seen), (await residentChunks(seen, table))[0]];
  };
  await node.layers.mount(layer.diffId);
  assert.deepEqual(await look(), [0, 0]);
  await kernel.ask(1, 0, 1);
  const [bytes, first = 0] = await look();
  assert.ok(bytes >= table.offsetOf(1) && (first & 1) === 1);
  await node.mode().detach(layer.diffId);
  assert.deepEqual(await look(), [bytes, first], 'as the record has it');
  await node.layers.mount(layer.diffId);
});

test('a layer that was converted here is all here, and nobody sees its reads', async () => {
  await using world = await openLazyWorld({});
  await using node = await openTestNode(world.bucket);
  const [{ index }] = world.layers;
  const { diffId, blobBytes } = index.header;
  using _ = await node.layers.fetch(index, {});
  assert.equal(await residentBytes(await node.layers.inspect(diffId)), blobBytes);
  const events = followLayer(node.layers, diffId, { signal: NEVER, paceMs: 1 });
  assert.equal((await next(events, 'resident')).chunks.length, index.chunks.length);
  assert.equal((await next(events, 'reads')).seen, false);
  await events.return(undefined);
});

test('a trace has the chunks of a recorded start in their order, with the files that they are of', async () => {
  await using world = await openLazyWorld({});
  const { node, bucket } = world;
  const [{ index }] = world.layers;
  const { diffId } = index.header;
  const trace = async () => traceLayer(diffId, { layers: node.layers, bucket, signal: NEVER });
  await assert.rejects(trace(), { code: 'not_found', message: /Cannot find a recorded start/ });
  await using publisher = await openTestNode(bucket);
  using layer = await publisher.layers.fetch(index, {});
  await using blob = await open(`${publisher.layers.folderOf(layer.diffId)}/blob`);
  const table = ChunkTable.of(index);
  await publishHotChunks([3, 1], { diffId, table, blob }, bucket);
  assert.deepEqual(
    await trace(),
    [3, 1].map((number) => ({
      number,
      offset: table.offsetOf(number),
      sizeBytes: table.offsetOf(number + 1) - table.offsetOf(number),
      path: 'f',
    })),
  );
});
