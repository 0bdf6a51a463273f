import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { describeBucketConformance } from '@lade/bucket/conformance';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { openFaultyProxy, startRadosGateway, unpackSet, type RadosGateway } from '@lade/sandbox';
import { CACHE } from './programs.ts';

/*
 * The drivers of S3 and OBS against Ceph's gateway: a store that many run, that nobody here wrote, and that verifies every signature. On
 * SQLite, without a cluster, it ignores conditions and has faults of its own.
 */
const RANGES = 'it gives small objects from their beginning, whatever the range';
const SLOW = 'it takes half a minute, and moto and the stand-ins do it';
const options = {
  conditional: 'emulated',
  leftOut: {
    'get() reads 4 bytes from 3 of 10': RANGES,
    'get() reads 100 bytes from 8 of 10': RANGES,
    'get() reads 1 bytes from 9 of 10': RANGES,
    'get() reads all bytes from 9 of 10': RANGES,
    'a prefix is taken as it is, also one that ends inside a segment or an escape':
      'it takes % for any characters',
    'a body of 64 MiB and a byte comes back whole, and from its middle':
      'it never ends a range of several parts',
    'list() gives 2,500 keys in the order of their bytes, from anywhere': SLOW,
    'streams of 260 MB in all pass through bounded memory': SLOW,
  },
} as const;

const BYTES = Buffer.alloc(100_000, 'bytes');

const stack = new AsyncDisposableStack();
let gateway: RadosGateway;
let buckets = 0;

before(async () => {
  const { folder: packages } = await unpackSet('radosgw', { cacheFolder: CACHE, log: () => {} });
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-gateway-')));
  gateway = stack.use(await startRadosGateway({ packages, folder: folder.path }));
});

after(async () => stack.disposeAsync());

describeBucketConformance('the S3 bucket on Ceph', async (t) => open(t, 's3'), options);
for (const signature of ['v2', 'v4'])
  describeBucketConformance(
    `the OBS bucket with ${signature} on Ceph`,
    async (t) => open(t, 'obs', { signature }),
    options,
  );

for (const [scheme, parameters] of [
  ['s3', {}],
  ['obs', { signature: 'v2' }],
  ['obs', { signature: 'v4' }],
] as const) {
  test(`${scheme} on Ceph ${JSON.stringify(parameters)}: what is damaged on its way is refused and sent again`, async (t) => {
    await using proxy = await openFaultyProxy(new URL(gateway.endpoint).host);
    const bucket = await open(t, scheme, { ...parameters, endpoint: `http://${proxy.address}` });
    proxy.inject(() => (proxy.counts().damage === 0 ? { kind: 'damage' } : undefined));
    await bucket.put('key', BYTES);
    assert.ok(BYTES.equals(await collectBytes((await bucket.get('key')).body, Infinity)));
    assert.equal(proxy.counts().damage, 1);
    proxy.inject(() => ({ kind: 'damage' }));
    await assert.rejects(bucket.put('never', BYTES), (reason) => {
      assert.ok(isCodedError(reason, 'unavailable'), String(reason));
      assert.match(reason.cure ?? '', /damages data on the way/);
      return true;
    });
    await assert.rejects(bucket.head('never'), (reason) => isCodedError(reason, 'not_found'));
  });
}

/** Each of its own, because a prefix would take from what is left for keys. */
async function open(
  t: TestContext,
  scheme: 's3' | 'obs',
  parameters: Readonly<Record<string, string>> = {},
): Promise<Bucket> {
  const { endpoint, region, accessKeyId, secretAccessKey } = gateway;
  const name = `conformance-${++buckets}`;
  await gateway.makeBucket(name);
  const access = { 'access-key-id': accessKeyId, 'secret-access-key': secretAccessKey };
  const all = new URLSearchParams({ endpoint, region, 'path-style': 'true', ...access, ...parameters });
  const bucket = await openBucket(`${scheme}://${name}?${all.toString()}`);
  t.after(async () => bucket[Symbol.asyncDispose]());
  return bucket;
}
