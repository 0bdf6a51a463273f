import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { digestOf, parseReference } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { RegistryClient, type RegistryRequest } from './index.ts';
import { openStand } from './testing/stand.ts';

const MAX = 4 << 20;

function failsWith(code: ErrorCode, ...parts: readonly RegExp[]) {
  return (reason: unknown): boolean => {
    assert.ok(isCodedError(reason, code), String(reason));
    for (const part of parts) assert.match(`${reason.message} → ${reason.cure}`, part);
    return true;
  };
}

test('an image is resolved by tag and digest, its manifest and blobs are read', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  const { origin, manifest, layer, layerBytes } = stand;
  const tagged = client.repository(stand.reference(origin.address));
  assert.deepEqual(await tagged.resolve(), manifest);
  const name = `${origin.address}/some/app:other@${manifest.digest}`;
  assert.equal((await client.repository(parseReference(name)).resolve()).digest, manifest.digest);
  assert.equal(digestOf(await tagged.manifest(manifest)), manifest.digest);
  assert.deepEqual(await collectBytes(tagged.blob(layer), MAX), layerBytes);
  const rest = await collectBytes(tagged.blob(layer, { offset: 1_000_000 }), MAX);
  assert.deepEqual(rest, layerBytes.subarray(1_000_000));
});

test('every request is told once, where it was made, without what its query may hold', async () => {
  await using stand = await openStand();
  const told: RegistryRequest[] = [];
  const place = new AsyncLocalStorage<string>();
  const places: unknown[] = [];
  const tell = (request: RegistryRequest): void => {
    told.push(request);
    places.push(place.getStore());
  };
  using client = RegistryClient.open({ tell });
  const { address } = stand.origin;
  const image = client.repository(stand.reference(address));
  await place.run('a', async () => image.resolve());
  await place.run('b', async () => collectBytes(image.blob(stand.layer), MAX));
  await stand.origin[Symbol.asyncDispose]();
  await place.run('c', async () => assert.rejects(image.resolve()));
  const [resolved, read, ...failed] = told;
  assert.deepEqual(
    [resolved?.method, resolved?.url, resolved?.status],
    ['HEAD', `http://${address}/v2/some/app/manifests/1`, 200],
  );
  assert.deepEqual(
    [read?.method, read?.url, read?.status],
    ['GET', `http://${address}/v2/some/app/blobs/${stand.layer.digest}`, 200],
  );
  assert.ok(failed.length > 0);
  for (const { status, code } of failed) assert.deepEqual([status, code], [undefined, 'unavailable']);
  assert.deepEqual(places, ['a', 'b', ...failed.map(() => 'c')]);
  assert.ok(told.every(({ url, ms }) => !url.includes('?') && ms >= 0));
});

test('what is not there is told with its name and a cure', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  const { address } = stand.origin;
  const missing = client.repository(parseReference(`${address}/some/app:2`));
  await assert.rejects(
    missing.resolve(),
    failsWith('not_found', /some\/app:2: the registry answers 404/, /Check the name and the tag/),
  );
  const layer = { ...stand.layer, digest: digestOf('nothing') };
  await assert.rejects(
    collectBytes(client.repository(stand.reference(address)).blob(layer), MAX),
    failsWith('not_found', /BLOB_UNKNOWN/),
  );
  await stand.origin[Symbol.asyncDispose]();
  await assert.rejects(missing.resolve(), failsWith('unavailable', /ECONNREFUSED/, /HTTPS_PROXY/));
});

test('what the tag points at must be an image', async () => {
  const server = createServer((_, answer) =>
    answer.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  using client = RegistryClient.open();
  try {
    const repository = client.repository(parseReference(`127.0.0.1:${port}/a:1`));
    await assert.rejects(repository.resolve(), failsWith('unimplemented', /it is text\/html/));
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

test('a blob whose connection breaks is gone on with from there', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  const ranges: (string | undefined)[] = [];
  stand.way.inject(({ path, range }) => {
    if (path.includes('/blobs/')) ranges.push(range);
    return ranges.length < 4 ? { kind: 'half-body' } : undefined;
  });
  const repository = client.repository(stand.reference(stand.way.address));
  assert.deepEqual(await collectBytes(repository.blob(stand.layer), MAX), stand.layerBytes);
  assert.equal(ranges[0], undefined);
  assert.deepEqual(ranges.slice(1), ['bytes=524288-', 'bytes=786432-', 'bytes=917504-']);
});

test('a connection that brings nothing is given up in the end', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  stand.way.inject(() => ({ kind: 'reset' }));
  const repository = client.repository(stand.reference(stand.way.address));
  await assert.rejects(repository.resolve(), failsWith('unavailable', /ECONNRESET/));
  assert.equal(stand.way.counts().reset, 5);
});

test('bytes that are others are refused', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  stand.way.inject(({ method }) => (method === 'GET' ? { kind: 'flip' } : undefined));
  const repository = client.repository(stand.reference(stand.way.address));
  await assert.rejects(repository.manifest(stand.manifest), failsWith('data_loss', /its digest is/));
  await assert.rejects(
    collectBytes(repository.blob(stand.layer), MAX),
    failsWith('data_loss', /its digest is sha256:\w+, not sha256:/),
  );
  await assert.rejects(
    collectBytes(repository.blob({ ...stand.layer, size: 100 }), MAX),
    failsWith('data_loss', /more than 100 bytes/),
  );
});

test('a busy registry is asked again as it wants, and not for ever', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  let refusals = 2;
  const repository = client.repository(stand.reference(stand.way.address));
  stand.way.inject(() =>
    refusals-- > 0 ? { kind: 'status', status: 429, retryAfterSeconds: 0 } : undefined,
  );
  assert.deepEqual(await repository.resolve(), stand.manifest);
  refusals = Infinity;
  await assert.rejects(repository.resolve(), failsWith('resource_exhausted', /answers 429/, /higher limit/));
  assert.equal(stand.way.counts().status, 2 + 5);
  stand.way.inject(() => ({ kind: 'status', status: 503, retryAfterSeconds: 3600 }));
  await assert.rejects(repository.resolve(), failsWith('unavailable', /answers 503/));
  assert.equal(stand.way.counts().status, 2 + 5 + 1);
});

test('waiting ends when the signal aborts', async () => {
  await using stand = await openStand();
  using client = RegistryClient.open();
  stand.way.inject(() => ({ kind: 'silence' }));
  const repository = client.repository(stand.reference(stand.way.address));
  const stop = new AbortController();
  const resolved = repository.resolve({ signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(resolved, /enough/);
});

test('the proxy of the environment is used, but not for this machine', async () => {
  await using stand = await openStand();
  const proxies = { HTTP_PROXY: `http://${stand.way.address}`, NO_PROXY: 'other.invalid' };
  using client = RegistryClient.open({ proxies });
  const paths: string[] = [];
  stand.way.inject(({ path }) => {
    paths.push(path);
    return { kind: 'status', status: 404 };
  });
  const elsewhere = client.repository(parseReference('registry.invalid/some/app:1'), { plainHttp: true });
  await assert.rejects(elsewhere.resolve(), failsWith('not_found'));
  assert.deepEqual(paths, ['http://registry.invalid/v2/some/app/manifests/1']);
  assert.deepEqual(await client.repository(stand.reference(stand.origin.address)).resolve(), stand.manifest);
});
