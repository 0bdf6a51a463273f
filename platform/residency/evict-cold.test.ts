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

const PORTS: EvictionPorts = { punchHole, forget: () => {}, signal: new AbortController().signal };
const ALL = Infinity;

type Step = () => Promise<void>;

/** A blob whose watches take as long as these steps, one each. */
function coldOf(blob: ResidentBlob, ...steps: Step[]): ColdBlob {
  return new WatchedBlob(blob, steps);
}

class WatchedBlob implements ColdBlob {
  readonly #blob: ResidentBlob;
  readonly #steps: Step[];
  watched: Promise<void> | undefined;

  constructor(blob: ResidentBlob, steps: Step[]) {
    this.#blob = blob;
    this.#steps = steps;
  }

  async arm(): Promise<ResidentBlob> {
    return this.#blob;
  }

  async watch(): Promise<void> {
    this.#blob.bits.touched.clear(0, this.#blob.table.blobBytes);
    this.watched = this.#steps.shift()?.() ?? Promise.resolve();
    return this.watched;
  }

  rest(): void {}
}

test('what nobody asks for in the first grace goes; what the kernel was asked for stays', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const before = blob.allocatedBytes;
  const touch = async (): Promise<void> => blob.bits.touched.set(0, 4096);
  const { freedBytes: freed } = await evictCold([coldOf(blob, touch)], ALL, PORTS);
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
  await evictCold([coldOf(blob, async () => {}, ask)], ALL, PORTS);
  assert.ok(blob.isResident(0) && !blob.isResident(1));
  assert.deepEqual(bucket.gets, []);
});

test('a reader that comes while its chunk is punched gets the bytes', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const readers: Promise<unknown>[] = [];
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
    assert.equal((await evictCold([coldOf(blob, ...steps)], ALL, PORTS)).freedBytes, 0);
    const again = await filler.open();
    assert.ok(again.isWhole);
    await again[Symbol.asyncDispose]();
  }
});

test('when everything is warm, that is taken which nobody asks for in the second watch', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const touch = async (): Promise<void> => blob.bits.touched.set(0, layer.table.blobBytes);
  const ask = async (): Promise<void> => {
    await blob.fill(0, 1);
  };
  const { freedBytes: freed } = await evictCold([coldOf(blob, touch, ask)], ALL, PORTS);
  assert.ok(freed > 3_000_000 && blob.isResident(0) && !blob.isResident(1));
});

test('each eviction leaves a watch for the next: what was asked for since stays, and nobody waits again', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  let watches = 0;
  const count = async (): Promise<void> => void watches++;
  const cold = coldOf(blob, count, count, count, count);
  await evictCold([cold], 300_000, PORTS);
  assert.equal(watches, 2);
  const next = [...Array(layer.table.count).keys()].find((n) => blob.isResident(n)) ?? 0;
  blob.bits.touched.set(layer.table.offsetOf(next), layer.table.offsetOf(next + 1));
  await evictCold([cold], 300_000, PORTS);
  assert.equal(watches, 3);
  assert.ok(blob.isResident(next) && !blob.isResident(next + 1));
});

test('when everything was asked for since the last watch, another one tells what is cold', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const touch = async (): Promise<void> => blob.bits.touched.set(0, 4096);
  const cold = coldOf(
    blob,
    async () => {},
    async () => {},
    touch,
  );
  await evictCold([cold], 1, PORTS);
  await blob.fill(0, ALL);
  blob.bits.touched.set(0, layer.table.blobBytes);
  await evictCold([cold], 1, PORTS);
  assert.ok(blob.isResident(0) && !blob.isResident(1));
});

test('a blob that the kernel reads without asking is left out, and the others go', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await fillWhole(blob, {});
  const stubborn = coldOf(blob);
  stubborn.arm = async () => undefined;
  assert.ok((await evictCold([stubborn, coldOf(blob)], ALL, PORTS)).freedBytes > 0);
});
