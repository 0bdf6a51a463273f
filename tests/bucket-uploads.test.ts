import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { openBucket, type Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { bringLargeObject } from './large-object.ts';
import { stampedNoise } from './noise.ts';
import { UPLOAD_SITES, partOf, type UploadSite } from './upload-site.ts';

/* Uploads in parts that end before their time, and what the next ones make of it. */
const PART_BYTES = 16 << 20;
const SIZE_BYTES = 3 * PART_BYTES + 1;
const WEEK_MS = 7 * 24 * 3_600_000;

for (const name of ['obs', 's3', 'moto'] as const) {
  test(`${name}: a put that was killed half way is finished by the next one`, async (t) => {
    await bringLargeObject(await UPLOAD_SITES[name](t), 120_000_000);
  });
}

/** Puts until `parts` of them are stored, and is aborted then, as at a shutdown. */
async function leave(bucket: Bucket, site: UploadSite, seed: string, parts = 2) {
  const before = (await site.unfinished()).length;
  const stop = new AbortController();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield* stampedNoise(seed, parts * PART_BYTES);
    while ((await site.unfinished())[before] !== parts) await turn();
    stop.abort(new Error('shutdown'));
    await new Promise(() => {});
  };
  const put = bucket.put('k', body(), { sizeBytes: SIZE_BYTES, signal: stop.signal });
  await assert.rejects(put, /^Error: shutdown$/);
}

function countParts({ proxy }: UploadSite): number[] {
  const sent: number[] = [];
  proxy.inject((request) => {
    const part = partOf(request);
    if (part !== undefined) sent.push(part);
    return undefined;
  });
  return sent;
}

async function put(bucket: Bucket, seed: string, options: { condition?: { absent: true } } = {}) {
  return bucket.put('k', stampedNoise(seed, SIZE_BYTES), { sizeBytes: SIZE_BYTES, ...options });
}

async function holds(bucket: Bucket, seed: string): Promise<void> {
  const { body } = await bucket.get('k');
  const expected = await collectBytes(stampedNoise(seed, SIZE_BYTES), SIZE_BYTES);
  assert.ok(Buffer.from(expected).equals(await collectBytes(body, SIZE_BYTES)));
}

for (const name of ['obs', 's3'] as const) {
  test(`${name}: what a put leaves at a shutdown is not sent again`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    await leave(bucket, site, 'ours');
    assert.deepEqual(await site.unfinished(), [2]);
    const sent = countParts(site);
    await put(bucket, 'ours');
    assert.deepEqual([sent.sort(), await site.unfinished()], [[3, 4], []]);
    await holds(bucket, 'ours');
  });

  test(`${name}: parts of other bytes, of another size and older than the object are not trusted`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    await leave(bucket, site, 'other');
    site.proxy.inject(({ method, path }) =>
      method === 'POST' && path.includes('uploadId=') ? { kind: 'status', status: 500 } : undefined,
    );
    const sizeBytes = 2 * PART_BYTES + 2;
    const shorter = bucket.put('k', stampedNoise('ours', sizeBytes), { sizeBytes });
    await assert.rejects(shorter, (reason) => isCodedError(reason, 'unavailable'));
    const sent = countParts(site);
    await put(bucket, 'ours');
    assert.deepEqual(
      [sent.sort(), await site.unfinished()],
      [
        [1, 2, 3, 4],
        [2, 3],
      ],
    );
    await holds(bucket, 'ours');
    await put(bucket, 'other');
    assert.deepEqual(sent.sort(), [1, 1, 2, 2, 3, 3, 4, 4]);
    await holds(bucket, 'other');
  });

  test(`${name}: only the parts that are the same are taken over`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    await leave(bucket, site, 'ours', 3);
    const sent = countParts(site);
    const changed = async function* (): AsyncGenerator<Uint8Array> {
      yield* stampedNoise('ours', PART_BYTES);
      yield* stampedNoise('other', SIZE_BYTES - PART_BYTES);
    };
    await bucket.put('k', changed(), { sizeBytes: SIZE_BYTES });
    assert.deepEqual([sent.sort(), await site.unfinished()], [[2, 3, 4], []]);
    const { body } = await bucket.get('k');
    const expected = await collectBytes(changed(), SIZE_BYTES);
    assert.ok(Buffer.from(expected).equals(await collectBytes(body, SIZE_BYTES)));
  });

  test(`${name}: a failure for good leaves neither object nor parts, also where others had begun`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    const bodies = {
      short: stampedNoise('ours', SIZE_BYTES - 1),
      long: stampedNoise('ours', SIZE_BYTES + 1),
      torn: (async function* () {
        yield* stampedNoise('ours', 2 * PART_BYTES + 1);
        throw new Error('torn');
      })(),
    };
    for (const body of Object.values(bodies)) {
      await leave(bucket, site, 'ours');
      await assert.rejects(bucket.put('k', body, { sizeBytes: SIZE_BYTES }));
      assert.deepEqual(await site.unfinished(), []);
    }
    assert.deepEqual(await Array.fromAsync(bucket.list('')), []);
  });

  test(`${name}: a put whose condition fails at its end leaves no parts`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield* stampedNoise('ours', SIZE_BYTES - 1);
      await bucket.put('k', Buffer.from('meanwhile'));
      yield Buffer.from('!');
    };
    const late = bucket.put('k', body(), { sizeBytes: SIZE_BYTES, condition: { absent: true } });
    await assert.rejects(late, (reason) => isCodedError(reason, 'already_exists'));
    assert.deepEqual(await site.unfinished(), []);
  });

  test(`${name}: two that put the same bytes at the same time end well, also with parts of one before`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    await using other = await openBucket(site.url);
    for (const hasBegun of [false, true]) {
      await bucket.delete(['k']);
      if (hasBegun) await leave(bucket, site, 'ours', 1);
      await Promise.all([put(bucket, 'ours'), put(other, 'ours')]);
      await holds(bucket, 'ours');
      assert.deepEqual(await site.unfinished(), []);
    }
  });

  test(`${name}: of two that put an absent key, both with the parts of one before, one knows that it came second`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    await using other = await openBucket(site.url);
    await leave(bucket, site, 'ours', 1);
    const condition = { absent: true } as const;
    const ended = await Promise.allSettled([
      put(bucket, 'ours', { condition }),
      put(other, 'ours', { condition }),
    ]);
    const failures = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    assert.ok(
      failures.every((reason) => isCodedError(reason, 'already_exists')),
      String(failures),
    );
    assert.equal(failures.length, 1);
    await holds(bucket, 'ours');
    assert.deepEqual(await site.unfinished(), []);
  });

  test(`${name}: where uploads cannot be listed, nothing is left and nothing is missing`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    site.proxy.inject(({ method, path }) =>
      method === 'GET' && /[?&]uploads\b/.test(path) ? { kind: 'status', status: 501 } : undefined,
    );
    await leave(bucket, site, 'ours');
    assert.deepEqual(await site.unfinished(), []);
    await put(bucket, 'ours');
    await holds(bucket, 'ours');
  });

  test(`${name}: a store in trouble keeps what was sent for the next put`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    site.proxy.inject((request) => (partOf(request) === 3 ? { kind: 'status', status: 500 } : undefined));
    await assert.rejects(put(bucket, 'ours'), (reason) => isCodedError(reason, 'unavailable'));
    const [stored = 0] = await site.unfinished();
    assert.ok(stored >= 1);
    const sent = countParts(site);
    await put(bucket, 'ours');
    assert.equal(sent.length, 4 - stored);
    await holds(bucket, 'ours');
  });

  test(`${name}: uploads that nobody goes on with are aborted after a week`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    {
      await using bucket = await openBucket(site.url);
      await leave(bucket, site, 'other');
      await put(bucket, 'ours');
      assert.deepEqual(await site.unfinished(), [2]);
    }
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + WEEK_MS + 60_000 });
    await using bucket = await openBucket(site.url);
    await leave(bucket, site, 'young', 1);
    await put(bucket, 'ours');
    while ((await site.unfinished()).length > 1) await turn();
    assert.deepEqual(await site.unfinished(), [1]);
  });

  test(`${name}: an object larger than any store takes is refused before anything is asked`, async (t) => {
    const site = await UPLOAD_SITES[name](t);
    await using bucket = await openBucket(site.url);
    const large = bucket.put('k', stampedNoise('ours', 1), { sizeBytes: 6 * 2 ** 40 });
    await assert.rejects(large, (reason) => isCodedError(reason, 'invalid_argument'));
    assert.equal(site.proxy.counts().forward, 0);
  });
}
