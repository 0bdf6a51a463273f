import assert from 'node:assert/strict';
import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { CodedError, isCodedError } from '@lade/errors';
import { BlobFile } from './blob-file.ts';
import { fillWhole } from './fill-whole.ts';
import type { LocalChunks } from './blob-context.ts';
import { faultyBucket } from './testing/faulty-bucket.ts';
import { BOOT, openFiller, publishTestLayer, type PublishedLayer } from './testing/published-layer.ts';

const blobOf = (folder: string): Promise<Buffer> => readFile(join(folder, 'blob'));

async function assertFilled({ original, folder }: PublishedLayer): Promise<void> {
  assert.ok((await blobOf(folder)).equals(await blobOf(original)));
}

test('a range is filled by its chunks alone, with one request, and marked block by block', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket);
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  await blob.fill(300_000, 500_000);
  assert.equal(bucket.gets.length, 1);
  const { first, end } = layer.table.range(300_000, 500_000);
  for (let n = 0; n < layer.table.count; n++) assert.equal(blob.isResident(n), n >= first && n < end);
  for (let at = 0; at < layer.table.blobBytes; at += 4096)
    assert.equal(
      blob.bits.resident.has(at),
      at >= layer.table.offsetOf(first) && at < layer.table.offsetOf(end),
    );
  const bytes = await blobOf(layer.folder);
  assert.ok(
    bytes.subarray(300_000, 800_000).equals((await blobOf(layer.original)).subarray(300_000, 800_000)),
  );
});

test('what a crash has left before the first save is no damage', async () => {
  await using layer = await publishTestLayer();
  await using filler = openFiller(layer);
  await (await filler.open())[Symbol.asyncDispose]();
  {
    await using file = await open(join(layer.folder, 'blob'), 'r+');
    await file.write(Buffer.alloc(4096, 1), 0, 4096, 0);
  }
  const blob = await filler.open();
  assert.ok(!blob.isResident(0));
  assert.deepEqual(layer.log, []);
});

test('a blob is filled in few requests, with holes for its zeros, and tells when it is whole', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket);
  await using filler = openFiller(layer, { bucket });
  const whole = Promise.withResolvers<void>();
  const blob = await filler.open({ onWhole: whole.resolve });
  await fillWhole(blob, {});
  await whole.promise;
  await assertFilled(layer);
  assert.ok(blob.isWhole && bucket.gets.length <= 3);
  assert.ok((await stat(blob.path)).blocks * 512 < 4_000_000);
  await blob[Symbol.asyncDispose]();
  assert.ok((await filler.open()).isWhole, 'the record did not survive');
});

test('however many ask for a chunk, it is fetched once', async () => {
  await using layer = await publishTestLayer();
  const gate = Promise.withResolvers<void>();
  const bucket = faultyBucket(layer.bucket, () => ({ before: () => gate.promise }));
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  const asked = Array.from({ length: 50 }, (_, i) => blob.fill(i * 4096, 4096));
  gate.resolve();
  await Promise.all(asked);
  assert.equal(bucket.gets.length, 1);
  assert.equal(filler.counters.fills.bucket.chunks, 1);
});

test('an abort ends the wait, and what is on its way still comes', async () => {
  await using layer = await publishTestLayer();
  const gate = Promise.withResolvers<void>();
  const bucket = faultyBucket(layer.bucket, () => ({ before: () => gate.promise }));
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  const stop = new AbortController();
  const impatient = blob.fill(0, 1, { signal: stop.signal });
  const patient = blob.fill(0, 1);
  stop.abort(new Error('gone'));
  await assert.rejects(impatient, /gone/);
  gate.resolve();
  await patient;
  assert.ok(blob.isResident(0));
});

test('a reader who waits for a chunk that is just given back, and for another one, gets both', async () => {
  await using layer = await publishTestLayer();
  const [punched, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isGated = false;
  const before = async (): Promise<void> => (isGated ? gate.promise : undefined);
  const bucket = faultyBucket(layer.bucket, () => ({ before }));
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  await blob.fill(0, 1);
  await blob.condemn([0]);
  const punching = blob.punchCondemned(async () => punched.promise);
  isGated = true;
  const reading = blob.fill(0, layer.table.offsetOf(1) + 1);
  punched.resolve();
  await punching;
  // Long enough for the process to end of what nobody has taken up.
  await setImmediate();
  gate.resolve();
  await reading;
  assert.ok(blob.isResident(0) && blob.isResident(1));
});

test('chunks that another blob of the node has are copied, if they are what they should be', async () => {
  await using layer = await publishTestLayer();
  const copyFrom = (path: string): LocalChunks => ({
    find: (hash) => {
      const number = [...layer.table].findIndex((chunk) => Buffer.from(chunk.hash).equals(hash));
      return [{ path, offset: layer.table.offsetOf(number) }];
    },
  });
  const original = join(layer.original, 'blob');
  const stale = join(layer.root, 'stale');
  const bytes = await blobOf(layer.original);
  await writeFile(stale, bytes.fill(1, 0, 600_000));
  await truncate(stale, 2_500_000);
  const bucket = faultyBucket(layer.bucket);
  for (const [path, fetched] of [
    [original, false],
    [stale, true],
    ['/nowhere', true],
  ] as const) {
    bucket.gets.length = 0;
    await writeFile(join(layer.folder, 'blob'), '');
    await rm(join(layer.folder, 'resident'), { force: true });
    await using filler = openFiller(layer, { bucket, localChunks: copyFrom(path) });
    await fillWhole(await filler.open(), {});
    await assertFilled(layer);
    assert.equal(bucket.gets.length > 0, fetched, path);
    assert.equal(filler.counters.fills.copied.chunks > 0, path !== '/nowhere');
    assert.equal(filler.counters.verificationFailures > 0, path === stale);
    assert.equal(layer.log.join('').includes(stale), path === stale);
    layer.log.length = 0;
  }
});

test('a chunk that was written but not recorded is adopted by its hash, without the bucket', async () => {
  await using layer = await publishTestLayer();
  const bytes = await blobOf(layer.original);
  bytes.fill(7, 300_000, 300_100);
  await writeFile(join(layer.folder, 'blob'), bytes);
  const bucket = faultyBucket(layer.bucket);
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  assert.ok(!blob.isResident(0), 'trusted what nobody had checked');
  await fillWhole(blob, {});
  await assertFilled(layer);
  assert.equal(filler.counters.fills.bucket.chunks, 1);
  assert.ok(filler.counters.fills.adopted.chunks > 10);
});

test('a record is believed only if it is whole, of this layer, and of the blob as it is', async () => {
  await using layer = await publishTestLayer();
  const record = join(layer.folder, 'resident');
  const blob = join(layer.folder, 'blob');
  const fill = async (): Promise<void> => {
    await using filler = openFiller(layer);
    await fillWhole(await filler.open(), {});
  };
  await fill();
  const good = await readFile(record);
  const flip = (at: number): Buffer => good.with(at, (good[at] ?? 0) ^ 1) as Buffer;
  for (const damaged of [flip(0), flip(20), flip(72), flip(good.length - 1), good.subarray(0, 80)]) {
    await writeFile(record, damaged);
    layer.log.length = 0;
    await using filler = openFiller(layer);
    const opened = await filler.open();
    assert.ok(!opened.isResident(0));
    assert.ok(layer.log.join('').includes(record), 'the damage is not named');
    assert.deepEqual([filler.counters.verificationFailures, filler.counters.healed], [1, 1]);
  }
  await writeFile(record, '');
  {
    await using filler = openFiller(layer);
    assert.ok(!(await filler.open()).isResident(0));
  }
  await fill();
  {
    await using file = await open(blob, 'r+');
    await file.write(Buffer.from('changed'), 0, 7, 400_000);
  }
  await using filler = openFiller(layer);
  const opened = await filler.open();
  assert.ok(!opened.isResident(0), 'believed in a blob that was changed');
  await opened.fill(0, 1_000_000);
  assert.deepEqual(
    [filler.counters.fills.bucket.chunks, filler.counters.fills.adopted.chunks > 0],
    [1, true],
  );
  assert.deepEqual([filler.counters.verificationFailures, filler.counters.healed], [1, 1]);
  assert.ok(layer.log.join('').includes(blob), 'the damage is not named');
});

test('a blob that was cut short is filled again where it is', async () => {
  await using layer = await publishTestLayer();
  {
    await using filler = openFiller(layer);
    await fillWhole(await filler.open(), {});
  }
  await truncate(join(layer.folder, 'blob'), 1_000_000);
  await using filler = openFiller(layer);
  await fillWhole(await filler.open(), {});
  await assertFilled(layer);
  assert.ok(filler.counters.fills.adopted.chunks > 0 && filler.counters.fills.bucket.chunks > 0);
});

test('a reader whose chunk cannot be had gets the error, others get theirs', async () => {
  await using layer = await publishTestLayer();
  let isDown = true;
  const bucket = faultyBucket(layer.bucket, () => ({
    before: () => {
      if (isDown) throw new CodedError('unavailable', 'Cannot reach the bucket');
    },
  }));
  await using filler = openFiller(layer, { bucket, deadlineMs: 300 });
  const blob = await filler.open();
  await assert.rejects(blob.fill(0, 1), (e) => isCodedError(e, 'unavailable'));
  assert.ok(filler.counters.retries > 0);
  isDown = false;
  await blob.fill(0, 1);
  assert.ok(blob.isResident(0));
});

test('what a closed blob had is there when it is opened again, and only that', async () => {
  await using layer = await publishTestLayer();
  {
    await using filler = openFiller(layer);
    await (await filler.open()).fill(1_000_000, 1);
  }
  const bucket = faultyBucket(layer.bucket);
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  const resident = [...layer.table].map((_, n) => n).filter((n) => blob.isResident(n));
  assert.deepEqual(resident, [layer.table.numberAt(1_000_000)]);
  await blob.fill(1_000_000, 1);
  assert.deepEqual(bucket.gets, []);
});

test('what was vouched for in another boot of the machine is checked again', async () => {
  await using layer = await publishTestLayer();
  const { diffId } = layer.index.header;
  const open = async (boot: string): Promise<BlobFile> =>
    BlobFile.open({ folder: layer.original, diffId, table: layer.table, boot });
  {
    await using file = await open(BOOT);
    await file.vouch();
  }
  {
    await using other = await open('another boot');
    assert.ok(!other.isWhole && other.isSuspect(0));
  }
  {
    await using same = await open(BOOT);
    assert.ok(same.isWhole);
    await same.save();
  }
  await using other = await open('another boot');
  assert.ok(other.isWhole);
});

test('closing a blob gives up what is on its way, and does not wait for a silent bucket', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket, () => ({ endAfter: { bytes: 10 } }));
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  const pending = blob.fill(0, 1);
  await Promise.all([assert.rejects(pending, /closed/), blob[Symbol.asyncDispose]()]);
  await assert.rejects(blob.fill(0, 1), (e) => isCodedError(e, 'unavailable'));
});
