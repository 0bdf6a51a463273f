import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { Bucket } from '../bucket.ts';
import { openBucket } from '../open-bucket.ts';
import type { Traffic } from '../traffic.ts';
import { openObsBucket } from './obs/obs.ts';
import { openS3Bucket } from './s3.ts';
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
  const endpoint = await serve(t, (request, response) => void answer(request, response, seen));
  const counts = createRequestCounts();
  const keys = 'access-key-id=a&secret-access-key=b';
  const bucket = await openBucket(`${scheme}://lade?endpoint=${endpoint}&path-style=true&${keys}`, {
    tellRequest: (request) => countRequest(counts, request),
  });
  t.after(async () => bucket[Symbol.asyncDispose]());
  return { bucket, counts, seen };
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const OPEN: Record<Scheme, (endpoint: string, traffic: Traffic) => Bucket> = {
  s3: (endpoint, traffic) => openS3Bucket({ ...PLACE, endpoint, traffic, pathStyle: true }),
  obs: (endpoint, traffic) =>
    openObsBucket({ ...PLACE, endpoint, traffic, style: 'path', signature: 'v2', region: 'r' }),
};
const PLACE = {
  bucket: 'lade',
  prefix: '',
  credentials: { get: async () => ({ accessKeyId: 'a', secretAccessKey: 'b' }), refuse: () => {} },
};

async function answer(request: IncomingMessage, response: ServerResponse, seen: string[]): Promise<void> {
  await collectBytes(request, 1 << 20);
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://store');
  const what = `${request.method} ${searchParams.has('prefix') ? 'list' : pathname}`;
  const isFirst = !seen.includes(what);
  seen.push(what);
  if (pathname.endsWith('missing')) response.writeHead(404).end();
  else if (isFirst) response.writeHead(503).end();
  else if (searchParams.has('prefix')) response.end(LIST);
  else if (request.method === 'GET')
    response.writeHead(200, { etag: '"1"', 'content-length': BYTES.length }).end(BYTES);
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

for (const scheme of ['s3', 'obs'] as const) {
  test(`${scheme}: each try of a request waits for its turn, and so does each piece of an answer`, async (t) => {
    const seen: string[] = [];
    const endpoint = await serve(t, (request, response) => void answer(request, response, seen));
    const asked: unknown[] = [];
    let received = 0;
    await using bucket = OPEN[scheme](endpoint, {
      enter: async (kind, sentBytes) => void asked.push([kind, sentBytes, seen.length]),
      receive: async (bytes) => void (received += bytes),
    });
    await bucket.put('a', BYTES);
    await collectBytes((await bucket.get('a')).body, BYTES.byteLength);
    assert.deepEqual(asked, [
      ['write', BYTES.byteLength, 0],
      ['write', BYTES.byteLength, 1],
      ['read', 0, 2],
      ['read', 0, 3],
    ]);
    assert.equal(received, BYTES.byteLength);
  });

  test(`${scheme}: who waits for its turn can give up`, async (t) => {
    const endpoint = await serve(t, () => assert.fail('nothing may be asked'));
    await using bucket = OPEN[scheme](endpoint, {
      enter: async (_kind, _bytes, signal) => {
        await once(signal as AbortSignal, 'abort');
        signal?.throwIfAborted();
      },
    });
    const reason = new Error('enough');
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 10);
    await assert.rejects(bucket.head('a', { signal: stop.signal }), reason);
  });

  test(`${scheme}: a store that asks to be left alone for a while is`, async (t) => {
    const times: number[] = [];
    const endpoint = await serve(t, (_request, response) => {
      if (times.push(performance.now()) > 1)
        response.writeHead(200, { etag: '"1"', 'content-length': BYTES.length }).end(BYTES);
      else response.writeHead(503, { 'retry-after': '1' }).end('<Error><Code>SlowDown</Code></Error>');
    });
    await using bucket = OPEN[scheme](endpoint, {});
    await collectBytes((await bucket.get('a')).body, BYTES.byteLength);
    const [first = 0, second = 0] = times;
    assert.ok(second - first >= 950, `${second - first} ms`);
  });

  test(`${scheme}: the date of every answer is told, unless it may be that of a cache`, async (t) => {
    const DATE = new Date().toUTCString();
    let [status, headers]: [number, Record<string, string>] = [200, {}];
    const endpoint = await serve(t, (_request, response) => {
      response.sendDate = false;
      response.writeHead(status, { date: DATE, etag: '"1"', 'content-length': 0, ...headers }).end();
    });
    const heard: [date: string | undefined, tookMs: number][] = [];
    await using bucket = OPEN[scheme](endpoint, { hear: (...told) => void heard.push(told) });
    await bucket.get('a');
    await bucket.put('a', BYTES);
    status = 404;
    await assert.rejects(bucket.head('a'));
    assert.deepEqual(
      heard.map(([date]) => date),
      [DATE, DATE, DATE],
    );
    assert.ok(heard.every(([, tookMs]) => tookMs > 0 && tookMs < 10_000));
    headers = { age: '7' };
    await assert.rejects(bucket.head('a'));
    assert.equal(heard.length, 3);
  });

  test(`${scheme}: a clock that is wrong is told`, async (t) => {
    const endpoint = await serve(t, (_request, response) => {
      response.sendDate = false;
      const date = new Date(Date.now() + 3_600_000).toUTCString();
      response.writeHead(403, { date }).end('<Error><Code>RequestTimeTooSkewed</Code></Error>');
    });
    await using bucket = OPEN[scheme](endpoint, {});
    await assert.rejects(bucket.get('a'), (reason: unknown) => {
      assert.ok(isCodedError(reason, 'failed_precondition'), String(reason));
      assert.match(reason.message, /this machine's clock is 60 minutes behind$/);
      assert.match(reason.cure ?? '', /NTP/);
      return true;
    });
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
