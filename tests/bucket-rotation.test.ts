import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBucket, type Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { startObsStandIn, type ObsStandIn } from '@lade/sandbox';
import { collectBytes } from '@lade/streams';
import { KeySource } from './key-source.ts';

/* A store that takes keys only while they are valid, and a file in which somebody renews them. */
const LIFETIME_MS = 3_000;
const SHORT_MS = 1_000;
const RENEW_MS = 500;
const ROTATIONS = 2;
const READERS = 4;
/** Two clocks that a store still bears with. */
const SKEW_MS = 5 * 60_000;
const PART = Buffer.alloc(16 << 20);
const BYTES = Buffer.alloc(100_000, 7);

interface Site extends AsyncDisposable {
  readonly source: KeySource;
  readonly store: ObsStandIn;
  readonly told: string[];
  open(): Promise<Bucket>;
}

/** OBS's own signature, and V4 as the SDK of S3 makes it. */
const DIALECTS = { obs: '', s3: '&path-style=true&region=somewhere' } as const;

type Scheme = keyof typeof DIALECTS;

async function openSite(scheme: Scheme, clockAheadMs = 0): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-rotation-')));
  const source = stack.use(await KeySource.open({ folder: folder.path, clockAheadMs }));
  const { keys, now, file } = source;
  const store = stack.use(await startObsStandIn({ folder: folder.path, bucket: 'lade', keys, now }));
  const told: string[] = [];
  const owned = stack.move();
  return {
    source,
    store,
    told,
    async open() {
      const port = store.address.split(':')[1];
      const parameters = `endpoint=http://localhost:${port}${DIALECTS[scheme]}&credentials-file=${file}`;
      return openBucket(`${scheme}://lade?${parameters}`, {
        tellCredentials: ({ kind }) => void told.push(kind),
      });
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

for (const scheme of Object.keys(DIALECTS) as Scheme[]) {
  test(`${scheme}: readers notice nothing of keys that expire, whatever the clock of the store`, async () => {
    await Promise.all([-SKEW_MS, 0, SKEW_MS].map(async (aheadMs) => readOn(await openSite(scheme, aheadMs))));
  });

  test(`${scheme}: keys that are taken back before their time are replaced by what is in the file then`, async () => {
    await using site = await openSite(scheme);
    await site.source.renew();
    await using bucket = await site.open();
    await bucket.put('object', BYTES);
    // Two looks for credentials are a second apart at least.
    await sleep(1_000);
    await site.source.renew();
    assert.equal((await bucket.head('object')).sizeBytes, BYTES.byteLength);
    assert.deepEqual(
      (await Array.fromAsync(bucket.list(''))).map(({ key }) => key),
      ['object'],
    );
  });

  test(`${scheme}: a large body goes on with other keys when its own are taken back, and so does its end`, async () => {
    await using site = await openSite(scheme);
    for (const end of ['whole', 'broken'] as const) {
      await site.source.renew();
      await using bucket = await site.open();
      const body = async function* (): AsyncGenerator<Buffer> {
        yield PART;
        yield PART;
        // Two looks for credentials are a second apart at least.
        await sleep(1_000);
        await site.source.renew();
        if (end === 'broken') throw new Error('the body ends here');
        yield PART;
      };
      const put = bucket.put(end, body(), { sizeBytes: 3 * PART.byteLength });
      if (end === 'broken') await assert.rejects(put, /the body ends here/);
      else await put;
      assert.deepEqual(site.store.uploads(), []);
    }
    await using bucket = await site.open();
    assert.deepEqual(
      (await Array.fromAsync(bucket.list(''))).map(({ key, sizeBytes }) => [key, sizeBytes]),
      [['whole', 3 * PART.byteLength]],
    );
  });

  test(`${scheme}: keys that nobody renews end in an error that says where they come from`, async () => {
    await using site = await openSite(scheme);
    await site.source.renew(SHORT_MS);
    await using bucket = await site.open();
    await bucket.put('object', BYTES);
    await sleep(SHORT_MS);
    await assert.rejects(bucket.head('object'), (reason) => {
      assert.ok(isCodedError(reason, 'unauthenticated'), String(reason));
      assert.match(reason.message, /keys\.json have expired/);
      return true;
    });
    await site.source.renew(LIFETIME_MS);
    assert.equal((await bucket.head('object')).sizeBytes, BYTES.byteLength);
  });
}

/** Several at once read all the time, while keys expire and are renewed. */
async function readOn(opened: Site): Promise<void> {
  await using site = opened;
  await site.source.renew(LIFETIME_MS);
  await using bucket = await site.open();
  await bucket.put('object', BYTES);
  const stop = new AbortController();
  const read = async (): Promise<number> => {
    let reads = 0;
    for (; !stop.signal.aborted; reads++) {
      const { body } = await bucket.get('object');
      assert.ok(BYTES.equals(await collectBytes(body, Infinity)));
    }
    return reads;
  };
  const readers = Promise.all(Array.from({ length: READERS }, read));
  while (site.told.filter((event) => event === 'found').length <= ROTATIONS) {
    await Promise.race([readers, sleep(RENEW_MS)]);
    await site.source.renew(LIFETIME_MS);
  }
  stop.abort();
  assert.ok((await readers).every((reads) => reads > ROTATIONS));
}
