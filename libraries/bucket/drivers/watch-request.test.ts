import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { collectBytes } from '@lade/streams';
import type { Bucket } from '../bucket.ts';
import { openBucket } from '../open-bucket.ts';
import { countRequest, createRequestCounts, type RequestCounts } from '../requests.ts';

const BYTES = Buffer.alloc(100_000, 7);
const LIST = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';

interface Store {
  readonly bucket: Bucket;
  readonly counts: RequestCounts;
  /** What the store has seen, one word a request. */
  readonly seen: string[];
}

type Scheme = 's3' | 'obs';

/** A store that is busy whenever it is asked for something for the first time. */
async function openStore(t: TestContext, scheme: Scheme): Promise<Store> {
  const seen: string[] = [];
  const server = createServer((request, response) => void answer(request, response, seen));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const counts = createRequestCounts();
  const keys = 'access-key-id=a&secret-access-key=b';
  const bucket = await openBucket(
    `${scheme}://lade?endpoint=http://127.0.0.1:${port}&path-style=true&${keys}`,
    { tellRequest: (request) => countRequest(counts, request) },
  );
  t.after(async () => {
    await bucket[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  return { bucket, counts, seen };
}

async function answer(request: IncomingMessage, response: ServerResponse, seen: string[]): Promise<void> {
  await collectBytes(request, 1 << 20);
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://store');
  const what = `${request.method} ${searchParams.has('prefix') ? 'list' : pathname}`;
  const isFirst = !seen.includes(what);
  seen.push(what);
  if (pathname.endsWith('missing')) response.writeHead(404).end();
  else if (isFirst) response.writeHead(503).end();
  else if (searchParams.has('prefix')) response.end(LIST);
  else if (request.method === 'GET') response.end(BYTES);
  else response.writeHead(request.method === 'DELETE' ? 204 : 200, { etag: '"1"' }).end();
}

function sum(counts: RequestCounts): number {
  return Object.values(counts).reduce((total, { requests }) => total + requests, 0);
}

/** The end of an answer without a body may come after the operation that it was for. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setImmediate();
}

for (const scheme of ['s3', 'obs'] as const) {
  test(`${scheme}: every request is counted by what it costs, each try and the bytes of each`, async (t) => {
    const { bucket, counts, seen } = await openStore(t, scheme);
    await bucket.put('a', BYTES);
    await collectBytes((await bucket.get('a')).body, BYTES.byteLength);
    await assert.rejects(bucket.head('missing'));
    await Array.fromAsync(bucket.list('x/'));
    await bucket.delete(['a']);
    const figures = (name: keyof RequestCounts): number[] => [counts[name].requests, counts[name].errors];
    assert.deepEqual(seen.length, 9, seen.join());
    await until(() => sum(counts) === seen.length);
    assert.deepEqual(figures('write'), [2, 1]);
    assert.deepEqual(figures('read'), [3, 1], 'that something is missing is no error');
    assert.deepEqual(figures('list'), [2, 1]);
    assert.deepEqual(figures('delete'), [2, 1]);
    assert.ok(counts.write.sentBytes > 2 * BYTES.byteLength, 'both tries');
    assert.ok(counts.read.receivedBytes > BYTES.byteLength);
    assert.ok(counts.read.receivedBytes < BYTES.byteLength + 10_000);
    assert.ok(counts.write.receivedBytes > 0 && counts.write.receivedBytes < 10_000);
  });

  test(`${scheme}: a read that is given up has been a request all the same`, async (t) => {
    const { bucket, counts } = await openStore(t, scheme);
    const { body } = await bucket.get('a');
    for await (const _ of body) break;
    await until(() => sum(counts) === 2);
    const stop = new AbortController();
    const read = bucket.get('b', { signal: stop.signal });
    stop.abort();
    await assert.rejects(read);
    assert.equal(counts.read.errors, 1, 'whoever gives up is not in error');
  });
}

test('where there are no requests, operations are counted', async () => {
  const counts = createRequestCounts();
  const bucket = await openBucket('memory:', { tellRequest: (request) => countRequest(counts, request) });
  await bucket.put('a', BYTES);
  await collectBytes((await bucket.get('a', { length: 10 })).body, 10);
  await assert.rejects(bucket.head('b'));
  assert.deepEqual(counts.write, { requests: 1, errors: 0, sentBytes: BYTES.byteLength, receivedBytes: 0 });
  assert.deepEqual(counts.read, { requests: 2, errors: 0, sentBytes: 0, receivedBytes: 10 });
});
