import assert from 'node:assert/strict';
import { rename, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBucket, type Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { startObsStandIn } from '@lade/sandbox';
import { collectBytes } from '@lade/streams';

/* A store that takes keys only while they are valid, and a file in which somebody renews them. */
const LIFETIME_MS = 4_000;
const SHORT_MS = 1_000;
const RENEW_MS = 500;
const ROTATIONS = 3;
const READERS = 4;
const BYTES = Buffer.alloc(100_000, 7);

interface Site extends AsyncDisposable {
  /** Makes new keys; those that never expire take the place of all others at once. */
  renew(lifetimeMs: number): Promise<void>;
  readonly told: string[];
  open(): Promise<Bucket>;
}

/** OBS's own signature, and V4 as the SDK of S3 makes it. */
const DIALECTS = { obs: '', s3: '&path-style=true&region=somewhere' } as const;

type Scheme = keyof typeof DIALECTS;

async function openSite(scheme: Scheme): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-rotation-')));
  const valid = new Map<string, { readonly secret: string; readonly untilMs: number }>();
  const keys = (): Map<string, string> =>
    new Map(
      [...valid].filter(([, { untilMs }]) => untilMs > Date.now()).map(([key, { secret }]) => [key, secret]),
    );
  const options = { folder: folder.path, bucket: 'lade', accessKeyId: '', secretAccessKey: '', keys };
  const store = stack.use(await startObsStandIn(options));
  const file = join(folder.path, 'keys.json');
  const told: string[] = [];
  let made = 0;
  const owned = stack.move();
  return {
    told,
    async renew(lifetimeMs) {
      const expires = lifetimeMs < Infinity;
      const [key, secret] = [`key-${++made}`, `secret ${made}`];
      if (!expires) valid.clear();
      const untilMs = Date.now() + lifetimeMs;
      valid.set(key, { secret, untilMs });
      const expiration = expires ? { Expiration: new Date(untilMs).toISOString() } : {};
      await writeFile(
        `${file}.new`,
        JSON.stringify({ AccessKeyId: key, SecretAccessKey: secret, ...expiration }),
      );
      await rename(`${file}.new`, file);
    },
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
  test(`${scheme}: readers notice nothing of keys that expire, as long as somebody renews them`, async () => {
    await using site = await openSite(scheme);
    await site.renew(LIFETIME_MS);
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
      await site.renew(LIFETIME_MS);
    }
    stop.abort();
    assert.ok((await readers).every((reads) => reads > ROTATIONS));
  });

  test(`${scheme}: keys that are taken back before their time are replaced by what is in the file then`, async () => {
    await using site = await openSite(scheme);
    await site.renew(Infinity);
    await using bucket = await site.open();
    await bucket.put('object', BYTES);
    // Two looks for credentials are a second apart at least.
    await sleep(1_000);
    await site.renew(Infinity);
    assert.equal((await bucket.head('object')).sizeBytes, BYTES.byteLength);
    assert.deepEqual(
      (await Array.fromAsync(bucket.list(''))).map(({ key }) => key),
      ['object'],
    );
  });

  test(`${scheme}: keys that nobody renews end in an error that says where they come from`, async () => {
    await using site = await openSite(scheme);
    await site.renew(SHORT_MS);
    await using bucket = await site.open();
    await bucket.put('object', BYTES);
    await sleep(SHORT_MS);
    await assert.rejects(bucket.head('object'), (reason) => {
      assert.ok(isCodedError(reason, 'unauthenticated'), String(reason));
      assert.match(reason.message, /keys\.json have expired/);
      return true;
    });
    await site.renew(LIFETIME_MS);
    assert.equal((await bucket.head('object')).sizeBytes, BYTES.byteLength);
  });
}
