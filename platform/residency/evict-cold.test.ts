import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { punchHole } from '@lade/linux';
import { evictCold, type ColdBlob, type EvictionPorts } from './evict-cold.ts';
import { fillWhole } from './fill-whole.ts';
import type { ResidentBlob } from './resident-blob.ts';
import { faultyBucket } from './testing/faulty-bucket.ts';
import { openFiller, publishTestLayer } from './testing/published-layer.ts';

const PORTS: EvictionPorts = { punchHole, grace: async () => {}, forget: () => {} };
const ALL = Infinity;

const coldOf = (blob: ResidentBlob): ColdBlob => ({ arm: async () => blob, rest: () => {} });

/** Calls the steps in turn, one a grace. */
function graces(...steps: (() => Promise<void>)[]): () => Promise<void> {
  return async () => steps.shift()?.();
}

test('what nobody asks for in the first grace goes; what the kernel was asked for stays', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const before = blob.allocatedBytes;
  const touch = async (): Promise<void> => blob.bits.touched.set(0, 4096);
  const freed = await evictCold([coldOf(blob)], ALL, { ...PORTS, grace: graces(touch) });
  assert.ok(blob.isResident(0) && !blob.isResident(1));
  assert.ok(freed > 3_000_000 && blob.allocatedBytes < before - 3_000_000);
  await blob.fill(0, ALL);
  assert.ok((await readFile(blob.path)).equals(await readFile(join(layer.original, 'blob'))));
});

test('a chunk that a reader asks for in the second grace stays, without the bucket; reading ahead saves none', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket);
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  await fillWhole(blob, {});
  bucket.gets.length = 0;
  const ask = async (): Promise<void> => {
    await blob.fill(0, ALL, { urgency: 'ahead' });
    assert.ok(!blob.isResident(0));
    await blob.fill(0, 1);
  };
  await evictCold([coldOf(blob)], ALL, { ...PORTS, grace: graces(async () => {}, ask) });
  assert.ok(blob.isResident(0) && !blob.isResident(1));
  assert.deepEqual(bucket.gets, []);
});

test('a reader that comes while its chunk is punched gets the bytes', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const readers: Promise<void>[] = [];
  const punch: EvictionPorts['punchHole'] = async (fd, offset, length) => {
    readers.push(blob.fill(offset, length));
    await punchHole(fd, offset, length);
  };
  await evictCold([coldOf(blob)], 600_000, { ...PORTS, punchHole: punch });
  assert.equal(readers.length, 3);
  await Promise.all(readers);
  assert.ok((await readFile(blob.path)).equals(await readFile(join(layer.original, 'blob'))));
});

test('before a hole is punched, other blobs and the record on disk no longer know the chunk', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const steps: string[] = [];
  const punch: EvictionPorts['punchHole'] = async (fd, offset, length) => {
    const bits = (await readFile(join(layer.folder, 'resident'))).subarray(72, -32);
    const number = layer.table.numberAt(offset);
    steps.push(((bits[number >> 3] ?? 0) & (1 << (number & 7))) === 0 ? 'punched' : 'punched too early');
    await punchHole(fd, offset, length);
  };
  await evictCold([coldOf(blob)], 300_000, {
    ...PORTS,
    punchHole: punch,
    forget: () => void steps.push('forgotten'),
  });
  assert.deepEqual(steps, ['forgotten', 'punched', 'punched']);
});

test('a blob that is closed in a grace keeps everything', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  for (const close of [0, 1]) {
    const blob = await filler.open();
    await fillWhole(blob, {});
    const steps = [async () => {}, async () => {}];
    steps[close] = async () => blob[Symbol.asyncDispose]();
    assert.equal(await evictCold([coldOf(blob)], ALL, { ...PORTS, grace: graces(...steps) }), 0);
    const again = await filler.open();
    assert.ok(again.isWhole);
    await again[Symbol.asyncDispose]();
  }
});

test('when everything is warm, force takes what nobody asks for in the second grace', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const touch = async (): Promise<void> => blob.bits.touched.set(0, layer.table.blobBytes);
  assert.equal(await evictCold([coldOf(blob)], ALL, { ...PORTS, grace: graces(touch) }), 0);
  assert.ok((await evictCold([coldOf(blob)], ALL, { ...PORTS, grace: graces(touch), force: true })) > 0);
});
