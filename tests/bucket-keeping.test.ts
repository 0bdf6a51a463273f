import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { startObsStandIn, type ObsStandIn } from '@lade/sandbox';
import { collectBytes } from '@lade/streams';

/* How objects are kept and where requests go, as the URL of the bucket says: what the store gets to hear of it, and by which way. */
const KEY = { accessKeyId: 'some-key', secretAccessKey: 'some/secret+' };
const DOMAIN = 'images.example.localhost';
/** One request, and an upload in parts. */
const SIZES = { small: 1000, large: 17 << 20 };

interface Site extends AsyncDisposable {
  readonly store: ObsStandIn;
  readonly port: number;
  open(scheme: 'obs' | 's3', parameters: string): Promise<Bucket>;
}

async function openSite(): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-keeping-')));
  const options = { folder: folder.path, bucket: 'images', domain: DOMAIN, ...KEY };
  const store = stack.use(await startObsStandIn(options));
  const port = Number(store.address.split(':')[1]);
  const access = `access-key-id=${KEY.accessKeyId}&secret-access-key=${encodeURIComponent(KEY.secretAccessKey)}`;
  const owned = stack.move();
  return {
    store,
    port,
    open: async (scheme, parameters) =>
      owned.use(await openBucket(`${scheme}://images?${access}&${parameters.replace('PORT', String(port))}`)),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

const OBS = 'endpoint=http://localhost:PORT';
const V4 = `${OBS}&signature=v4&region=somewhere`;
const S3 = `${OBS}&path-style=true&region=somewhere`;

const KEEPING = [
  ['obs', OBS, 'storage-class=WARM', { 'x-obs-storage-class': 'WARM' }],
  ['obs', OBS, 'encryption=obs', { 'x-obs-server-side-encryption': 'AES256' }],
  ['obs', OBS, 'encryption=kms', { 'x-obs-server-side-encryption': 'kms' }],
  [
    'obs',
    OBS,
    'encryption=kms&kms-key-id=key-1',
    { 'x-obs-server-side-encryption': 'kms', 'x-obs-server-side-encryption-kms-key-id': 'key-1' },
  ],
  ['obs', V4, 'storage-class=WARM', { 'x-amz-storage-class': 'STANDARD_IA' }],
  [
    'obs',
    V4,
    'encryption=kms&kms-key-id=key-1',
    { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'key-1' },
  ],
  ['s3', S3, 'storage-class=ONEZONE_IA', { 'x-amz-storage-class': 'ONEZONE_IA' }],
  ['s3', S3, 'encryption=s3', { 'x-amz-server-side-encryption': 'AES256' }],
  [
    's3',
    S3,
    'encryption=kms&kms-key-id=key-1',
    { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'key-1' },
  ],
] as const;

for (const [scheme, place, parameters, headers] of KEEPING) {
  test(`${scheme}://…?${place}&${parameters} is said of every new object, in parts too`, async () => {
    await using site = await openSite();
    const bucket = await site.open(scheme, `${place}&${parameters}`);
    for (const [key, sizeBytes] of Object.entries(SIZES)) {
      await bucket.put(key, Buffer.alloc(sizeBytes));
      assert.deepEqual(site.store.kept(key), headers, key);
    }
  });
}

test('a domain of the bucket’s own is asked for its objects', async () => {
  await using site = await openSite();
  const bucket = await site.open('obs', `endpoint=http://${DOMAIN}:PORT&custom-domain=true`);
  await exercise(bucket);
});

for (const [scheme, place] of [
  ['obs', OBS],
  ['obs', V4],
  ['s3', S3],
] as const) {
  test(`${scheme}://…?${place}&proxy=… goes through the proxy alone, which is told its password`, async () => {
    await using site = await openSite();
    await using proxy = await startProxy(site.port);
    const bucket = await site.open(scheme, `${place}&proxy=http://me:word@127.0.0.1:${proxy.port}`);
    await exercise(bucket);
    assert.equal(proxy.forwarded(), site.store.requests().length);
    await proxy[Symbol.asyncDispose]();
    await assert.rejects(bucket.head('small'), /Check the endpoint, the proxy|ECONNREFUSED/);
  });
}

async function exercise(bucket: Bucket): Promise<void> {
  for (const [key, sizeBytes] of Object.entries(SIZES)) {
    await bucket.put(key, Buffer.alloc(sizeBytes, key));
    const { body } = await bucket.get(key);
    assert.ok(Buffer.alloc(sizeBytes, key).equals(await collectBytes(body, sizeBytes)));
  }
  const keys = (await Array.fromAsync(bucket.list(''))).map(({ key }) => key);
  assert.deepEqual(keys, ['large', 'small']);
}

interface Proxy extends AsyncDisposable {
  readonly port: number;
  forwarded(): number;
}

/** A proxy as RFC 9110 has it, in front of names below localhost, for who knows the password. */
async function startProxy(target: number): Promise<Proxy> {
  let forwarded = 0;
  const server = createServer((incoming, answer) => {
    const { 'proxy-authorization': password, ...headers } = incoming.headers;
    const { host, pathname, search } = new URL(incoming.url ?? '');
    if (password !== `Basic ${Buffer.from('me:word').toString('base64')}`) {
      answer.writeHead(407).end();
      return;
    }
    assert.equal(headers.host, host);
    forwarded++;
    const { method = 'GET' } = incoming;
    const path = pathname + search;
    const upstream = request({ host: '127.0.0.1', port: target, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    incoming.pipe(upstream);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    forwarded: () => forwarded,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      if (server.listening) await server[Symbol.asyncDispose]();
    },
  };
}
