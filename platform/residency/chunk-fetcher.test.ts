import assert from 'node:assert/strict';
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CodedError, isCodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';
import type { ChunkFetcherOptions } from './chunk-fetcher.ts';
import { fillWhole } from './fill-whole.ts';
import { faultyBucket, type Fault } from './testing/faulty-bucket.ts';
import { openFiller, publishTestLayer, type PublishedLayer } from './testing/published-layer.ts';

const flip =
  (at: number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.with(at, (bytes[at] ?? 0) ^ 1);

async function assertNothingWrong({ original, folder }: PublishedLayer): Promise<void> {
  const [good, filled] = [await readFile(join(original, 'blob')), await readFile(join(folder, 'blob'))];
  for (let at = 0; at < good.length; at += 4096) {
    const block = filled.subarray(at, at + 4096);
    assert.ok(
      block.equals(good.subarray(at, at + 4096)) || block.every((byte) => byte === 0),
      `byte ${at} is wrong`,
    );
  }
}

test('a request that fails, ends early, gives too much or goes silent is repeated for what is missing', async () => {
  const failure = new CodedError('unavailable', 'Cannot go on', { details: { retryAfterMs: 1 } });
  const faults: readonly Fault[] = [
    { before: () => Promise.reject(failure) },
    { endAfter: { bytes: 600_000, error: failure } },
    { endAfter: { bytes: 600_000 } },
    { bytes: (bytes) => bytes.subarray(0, -1) },
    { bytes: (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]) },
    { bytes: flip(5) },
    { bytes: flip(700_000) },
  ];
  for (const fault of faults) {
    await using layer = await publishTestLayer();
    const bucket = faultyBucket(layer.bucket, ({ number }) => (number === 1 ? fault : undefined));
    await using filler = openFiller(layer, { bucket, stallMs: 100 });
    const blob = await filler.open();
    await fillWhole(blob, {});
    await assertNothingWrong(layer);
    assert.ok(blob.isWhole && bucket.gets.length > 1);
    const [first, second] = bucket.gets;
    if (fault.endAfter)
      assert.ok((second?.offset ?? 0) > (first?.offset ?? 0), 'fetched twice what had come');
  }
});

test('a slow request gets a second one, and the first to answer wins', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket, ({ number }) =>
    number === 1 ? { endAfter: { bytes: 0 } } : undefined,
  );
  await using filler = openFiller(layer, { bucket, minSlowMs: 1 });
  await (await filler.open()).fill(0, 1);
  assert.equal(filler.counters.hedges, 1);
  assert.equal(filler.counters.retries, 0);
});

test('a chunk that the bucket has damaged is named once, and healed from another pack', async () => {
  await using layer = await publishTestLayer();
  const [pack = ''] = layer.packs;
  const bytes = Buffer.concat(await Array.fromAsync((await layer.bucket.get(pack)).body));
  const copy = Buffer.concat([bytes, Buffer.from('another pack')]);
  const other = { digest: digestOf(copy), sizeBytes: copy.byteLength };
  await layer.bucket.put(`packs/sha256/${other.digest.slice(7)}`, copy);
  const damages: readonly (() => Promise<unknown>)[] = [
    async () => layer.bucket.put(pack, flip(1_000)(bytes)),
    async () => layer.bucket.put(pack, bytes.subarray(0, 1_000)),
    async () => layer.bucket.put(pack, Buffer.concat([bytes.subarray(300_000), bytes.subarray(0, 300_000)])),
    async () => layer.bucket.delete([pack]),
  ];
  for (const damage of damages) {
    await damage();
    layer.log.length = 0;
    const find: ChunkFetcherOptions['packs']['find'] = (hash) =>
      layer.catalogue.findAllPacked(hash).flatMap((found) => [found, { ...found, pack: other }]);
    await using filler = openFiller(layer, { packs: { find, learn: async () => {} } });
    const blob = await filler.open();
    await blob.fill(0, 500_000);
    await assertNothingWrong(layer);
    assert.ok(filler.counters.healed > 0 && filler.counters.verificationFailures > 0);
    const chunk = Buffer.from(layer.table.get(0).hash).toString('hex');
    assert.equal(layer.log.filter((line) => line.includes(chunk) && line.includes(pack)).length, 1);
    await blob[Symbol.asyncDispose]();
    await truncate(blob.path, 0);
  }
});

test('without any good copy the reader of that chunk gets data_loss, and nothing of it is written', async () => {
  await using layer = await publishTestLayer();
  const [pack = ''] = layer.packs;
  const bytes = Buffer.concat(await Array.fromAsync((await layer.bucket.get(pack)).body));
  await layer.bucket.put(pack, flip(1_000)(bytes));
  await using filler = openFiller(layer);
  const blob = await filler.open();
  await assert.rejects(blob.fill(0, 1_000_000), (e) => {
    assert.ok(isCodedError(e, 'data_loss') && e.cure !== undefined);
    return (
      e.message.includes(pack) && e.message.includes(Buffer.from(layer.table.get(0).hash).toString('hex'))
    );
  });
  await assert.rejects(blob.fill(0, 1));
  await blob.fill(300_000, 700_000);
  await assertNothingWrong(layer);
  await layer.bucket.put(pack, bytes);
  await blob.fill(0, 1);
  await assertNothingWrong(layer);
});

test('a pack that is gone is not asked for again and again', async () => {
  await using layer = await publishTestLayer();
  await layer.bucket.delete(layer.packs);
  const bucket = faultyBucket(layer.bucket);
  await using filler = openFiller(layer, { bucket });
  await assert.rejects((await filler.open()).fill(0, 1), (e) => isCodedError(e, 'data_loss'));
  assert.equal(bucket.gets.length, 1);
});

test('a silent bucket is given up at the deadline, and closing does not wait for it', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket, () => ({ endAfter: { bytes: 10 } }));
  {
    await using filler = openFiller(layer, { bucket, deadlineMs: 50 });
    await assert.rejects((await filler.open()).fill(0, 1), (e) => isCodedError(e, 'deadline_exceeded'));
  }
  await using filler = openFiller(layer, { bucket });
  const blob = await filler.open();
  const pending = blob.fill(0, 1);
  pending.catch(() => {});
  await filler[Symbol.asyncDispose]();
  await assert.rejects(pending);
});

test('a reader goes before what is read ahead, and a chunk read ahead hurries once a reader wants it', async () => {
  await using layer = await publishTestLayer();
  const gate = Promise.withResolvers<void>();
  const bucket = faultyBucket(layer.bucket, ({ number }) =>
    number === 1 ? { before: () => gate.promise } : undefined,
  );
  await using filler = openFiller(layer, { bucket, maxRequests: 1 });
  const blob = await filler.open();
  const at = (n: number): [number, number] => [layer.table.offsetOf(n), 1];
  const fills = [
    blob.fill(...at(0)),
    blob.fill(...at(2), { urgency: 'background' }),
    blob.fill(...at(4), { urgency: 'ahead' }),
    blob.fill(...at(6), { urgency: 'ahead' }),
    blob.fill(...at(8)),
  ];
  const hurried = blob.fill(...at(6));
  gate.resolve();
  await Promise.all([...fills, hurried]);
  const place = (n: number): number => {
    const chunk = layer.table.get(n);
    return chunk.place.kind === 'packed' ? chunk.place.offset : -1;
  };
  assert.deepEqual(
    bucket.gets.map(({ offset }) => offset),
    [0, 6, 8, 4, 2].map(place),
  );
});

test('what no reader waits for leaves half of the requests free', async () => {
  await using layer = await publishTestLayer();
  const bucket = faultyBucket(layer.bucket, ({ number }) =>
    number <= 2 ? { endAfter: { bytes: 0 } } : undefined,
  );
  await using filler = openFiller(layer, { bucket, maxRequests: 4 });
  const blob = await filler.open();
  for (const n of [0, 2, 4]) blob.fill(layer.table.offsetOf(n), 1, { urgency: 'background' }).catch(() => {});
  await blob.fill(layer.table.offsetOf(8), 1);
  assert.equal(bucket.gets.length, 3);
  assert.ok(!blob.isResident(4));
});
