import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { codeOf, isCodedError, type CodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { Bucket } from '../bucket.ts';
import { openS3Bucket } from './s3.ts';

/* What a real store seldom does: the suite runs on one in tests/bucket.test.ts. */

const SECRET = 'very-secret';
const CREDENTIALS = { accessKeyId: 'key', secretAccessKey: SECRET };

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

async function openOn(t: TestContext, answer: Answer): Promise<Bucket> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const bucket = openAt(`http://127.0.0.1:${port}`);
  t.after(async () => {
    await bucket[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  return bucket;
}

function openAt(endpoint: string): Bucket {
  return openS3Bucket({
    bucket: 'store',
    prefix: 'p/',
    endpoint,
    pathStyle: true,
    credentials: { get: async () => CREDENTIALS, refuse() {} },
  });
}

function sendError(response: ServerResponse, status: number, name: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(name === '' ? '' : `<Error><Code>${name}</Code><Message>it says ${name}</Message></Error>`);
}

async function failureOf(work: Promise<unknown>): Promise<CodedError> {
  const reason: unknown = await work.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  assert.ok(isCodedError(reason), String(reason));
  assert.ok(!`${reason.message}${JSON.stringify(reason.details)}`.includes(SECRET));
  return reason;
}

test('how long a store asks to be left alone is told', async (t) => {
  for (const [header, min, max] of [
    ['1', 1000, 1000],
    [new Date(Date.now() + 3000).toUTCString(), 1, 3000],
  ] as const) {
    const bucket = await openOn(t, (_request, response) => {
      response.setHeader('retry-after', header);
      sendError(response, 404, 'NoSuchKey');
    });
    const { retryAfterMs } = (await failureOf(bucket.get('the/key'))).details;
    assert.ok(Number(retryAfterMs) >= min && Number(retryAfterMs) <= max, String(retryAfterMs));
  }
});

const ANSWERS = [
  [404, 'NoSuchKey', 'not_found'],
  [404, 'NoSuchBucket', 'failed_precondition'],
  [403, 'AccessDenied', 'permission_denied'],
  [403, 'InvalidAccessKeyId', 'unauthenticated'],
  [403, 'SignatureDoesNotMatch', 'unauthenticated'],
  [400, 'ExpiredToken', 'unauthenticated'],
  [400, 'AuthorizationHeaderMalformed', 'invalid_argument'],
  [301, 'PermanentRedirect', 'invalid_argument'],
  [403, 'RequestTimeTooSkewed', 'failed_precondition'],
  [400, 'SomethingElse', 'invalid_argument'],
  [401, '', 'unauthenticated'],
  [403, '', 'permission_denied'],
  [409, 'OperationAborted', 'aborted'],
  [500, 'InternalError', 'unavailable'],
  [501, 'NotImplemented', 'unimplemented'],
  [503, 'SlowDown', 'resource_exhausted'],
  [503, '', 'unavailable'],
  [507, 'XMinioStorageFull', 'resource_exhausted'],
] as const;

for (const [status, name, code] of ANSWERS) {
  test(`an answer ${status} ${name || 'without a body'} is ${code}`, async (t) => {
    const bucket = await openOn(t, (_request, response) => sendError(response, status, name));
    const error = await failureOf(bucket.get('the/key'));
    assert.equal(error.code, code);
    assert.match(error.message, /^Cannot read the\/key in s3:\/\/store\/p\/: ./);
    assert.equal(error.details['status'], status);
    const put = await failureOf(bucket.put('the/key', Buffer.from('x')));
    assert.equal(put.code, code);
    assert.equal((await failureOf(Array.fromAsync(bucket.list('a')))).code, code);
    assert.equal((await failureOf(bucket.delete(['the/key']))).code, code);
  });
}

test('a moment of trouble is bridged, with the same body', async (t) => {
  const bodies: string[] = [];
  const bucket = await openOn(t, async (request, response) => {
    bodies.push(await textOf(request));
    if (bodies.length < 3) return sendError(response, 503, 'ServiceUnavailable');
    response.writeHead(200, { etag: '"v1"' }).end();
  });
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('he');
    yield Buffer.from('llo');
  };
  assert.deepEqual(await bucket.put('k', stream(), { sizeBytes: 5 }), { version: 'v1' });
  assert.deepEqual(bodies, ['hello', 'hello', 'hello']);
});

test('an endpoint where nobody listens is unavailable', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const bucket = openAt(`http://127.0.0.1:${port}`);
  t.after(async () => bucket[Symbol.asyncDispose]());
  const error = await failureOf(bucket.get('k'));
  assert.deepEqual(
    [error.code, error.cure],
    ['unavailable', 'Check the endpoint, the proxy and the network'],
  );
  assert.match(error.message, /ECONNREFUSED/);
});

test('an endpoint that never answers is left at the deadline of the caller, by every operation', async (t) => {
  const bucket = await openOn(t, () => {});
  const tries: readonly ((options: { signal: AbortSignal }) => Promise<unknown>)[] = [
    async (options) => bucket.get('k', options),
    async (options) => bucket.head('k', options),
    async (options) => bucket.put('k', Buffer.from('x'), options),
    async (options) => bucket.put('k', Buffer.from('x'), { condition: { absent: true }, ...options }),
    async (options) => bucket.delete(['k'], options),
    async (options) => Array.fromAsync(bucket.list('', options)),
    async (options) => bucket.conditionalPuts(options),
  ];
  for (const attempt of tries) {
    const reason: unknown = await attempt({ signal: AbortSignal.timeout(50) }).catch((e: unknown) => e);
    assert.equal(codeOf(reason), 'deadline_exceeded');
  }
});

test('a body cut short is unavailable, and one that stalls ends with the signal', async (t) => {
  const bucket = await openOn(t, (request, response) => {
    response.writeHead(200, { 'content-length': '10', etag: '"v"' }).write('1234');
    if (request.url?.includes('cut')) setImmediate(() => response.destroy());
  });
  const cut = await bucket.get('cut');
  assert.equal((await failureOf(collectBytes(cut.body, 10))).code, 'unavailable');
  const stop = new AbortController();
  const stalled = await bucket.get('stalled', { signal: stop.signal });
  await assert.rejects(async () => {
    for await (const chunk of stalled.body) {
      assert.equal(chunk.byteLength, 4);
      stop.abort(new Error('enough'));
    }
  }, /^Error: enough$/);
});

test('a read goes by the clock of the store once it has refused that of this machine', async (t) => {
  const dates: string[] = [];
  const store = new Date(Date.now() + 3_600_000);
  const bucket = await openOn(t, (request, response) => {
    dates.push(String(request.headers['x-amz-date']));
    response.setHeader('date', store.toUTCString());
    if (dates.length === 1) return sendError(response, 403, 'RequestTimeTooSkewed');
    response.writeHead(200, { 'content-length': '5', etag: '"v"' }).end('hello');
  });
  assert.equal((await collectBytes((await bucket.get('k')).body, 5)).byteLength, 5);
  await bucket.get('k');
  const hour = store.toISOString().replaceAll(/[-:]/g, '').slice(0, 11);
  assert.deepEqual(
    dates.map((date) => date.startsWith(hour)),
    [false, true, true],
  );
});

test('a store that ignores ranges is found out', async (t) => {
  const bucket = await openOn(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '10', etag: '"v"' }).end('0123456789');
  });
  assert.equal((await failureOf(bucket.get('k', { offset: 2 }))).code, 'unimplemented');
  assert.equal((await failureOf(bucket.get('k', { length: 3 }))).code, 'unimplemented');
  const { body } = await bucket.get('k', { length: 10 });
  assert.equal((await collectBytes(body, 10)).byteLength, 10);
});

test('list() passes over what a store gives again', async (t) => {
  const pages = [
    ['a', 'b', 'c'],
    ['b', 'c', 'd'],
  ];
  const bucket = await openOn(t, (request, response) => {
    const i = request.url?.includes('continuation-token') ? 1 : 0;
    const contents = pages[i]
      ?.map((key) => `<Contents><Key>p/${key}</Key><Size>1</Size></Contents>`)
      .join('');
    const next =
      i === 0 ? '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>' : '';
    response.setHeader('content-type', 'application/xml');
    response.end(`<ListBucketResult>${contents}${next}</ListBucketResult>`);
  });
  const keys = (await Array.fromAsync(bucket.list('', { startAfter: 'aa' }))).map(({ key }) => key);
  assert.deepEqual(keys, ['b', 'c', 'd']);
});

test('where conditions are not implemented, the object is looked at first', async (t) => {
  const puts: string[] = [];
  const bucket = await openOn(t, async (request, response) => {
    const { 'if-none-match': none, 'if-match': match } = request.headers;
    if ((none ?? match) !== undefined) return sendError(response, 501, 'NotImplemented');
    if (request.method === 'HEAD' && request.url?.endsWith('/new')) return sendError(response, 404, '');
    if (request.method === 'PUT' && !request.url?.includes('/probe/')) puts.push(await textOf(request));
    response.writeHead(request.method === 'DELETE' ? 204 : 200, { etag: '"v1"' }).end();
  });
  assert.equal(await bucket.conditionalPuts(), 'emulated');
  await bucket.put('new', Buffer.from('1'), { condition: { absent: true } });
  await bucket.put('old', Buffer.from('2'), { condition: { version: 'v1' } });
  const body = Buffer.from('3');
  const exists = await failureOf(bucket.put('old', body, { condition: { absent: true } }));
  assert.equal(exists.code, 'already_exists');
  const changed = await failureOf(bucket.put('old', body, { condition: { version: 'v0' } }));
  assert.equal(changed.code, 'failed_precondition');
  assert.deepEqual(puts, ['1', '2']);
});

test('whether conditions are obeyed is asked once, and again after a failure', async (t) => {
  let isDown = true;
  let probes = 0;
  const bucket = await openOn(t, (request, response) => {
    if (isDown) return sendError(response, 403, 'AccessDenied');
    const isConditional =
      request.headers['if-none-match'] !== undefined || request.headers['if-match'] !== undefined;
    if (isConditional) return sendError(response, 412, 'PreconditionFailed');
    if (request.method === 'PUT') probes++;
    response.writeHead(200, { etag: '"v"' }).end();
  });
  assert.equal((await failureOf(bucket.conditionalPuts())).code, 'permission_denied');
  isDown = false;
  const answers = await Promise.all([bucket.conditionalPuts(), bucket.conditionalPuts()]);
  assert.deepEqual([...answers, await bucket.conditionalPuts()], ['atomic', 'atomic', 'atomic']);
  assert.equal(probes, 1);
});

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.from(await collectBytes(request, 1 << 20)).toString();
}

const TWO_KEYS = ['the/key', 'other'];

test('a thousand objects are deleted by one request, which Content-MD5 proves and no other checksum', async (t) => {
  const requests: string[] = [];
  const bucket = await openOn(t, async (request, response) => {
    const body = await textOf(request);
    const checksums = Object.keys(request.headers).filter((name) => /^x-amz.*checksum/.test(name));
    assert.deepEqual(checksums, []);
    const md5 = createHash('md5').update(body).digest('base64');
    if (request.method === 'POST') assert.equal(request.headers['content-md5'], md5);
    requests.push(`${request.method} ${body.split('<Key>').length - 1}`);
    response.setHeader('content-type', 'application/xml');
    response.end('<DeleteResult/>');
  });
  await bucket.delete(Array.from({ length: 2001 }, (_, i) => `key/${i}`));
  assert.deepEqual(requests.sort(), ['DELETE 0', 'POST 1000', 'POST 1000']);
});

test('of a batch the object that could not be deleted is named, and one that is not there is fine', async (t) => {
  let code = 'AccessDenied';
  const bucket = await openOn(t, (_request, response) => {
    response.setHeader('content-type', 'application/xml');
    const error = `<Error><Key>p/other</Key><Code>${code}</Code><Message>no</Message></Error>`;
    response.end(`<DeleteResult>${error}</DeleteResult>`);
  });
  const error = await failureOf(bucket.delete(TWO_KEYS));
  assert.deepEqual(
    [error.code, error.message],
    ['permission_denied', 'Cannot delete other in s3://store/p/: no'],
  );
  code = 'InternalError';
  assert.equal((await failureOf(bucket.delete(TWO_KEYS))).code, 'unavailable');
  code = 'NoSuchKey';
  await bucket.delete(TWO_KEYS);
});

for (const [status, name] of [
  [501, 'NotImplemented'],
  [405, 'MethodNotAllowed'],
  [400, 'MalformedXML'],
] as const) {
  test(`where batches are answered with ${name}, objects are deleted one by one from then on`, async (t) => {
    const methods: string[] = [];
    const bucket = await openOn(t, (request, response) => {
      methods.push(request.method ?? '');
      if (request.method === 'POST') return sendError(response, status, name);
      response.writeHead(204).end();
    });
    await bucket.delete(TWO_KEYS);
    await bucket.delete(TWO_KEYS);
    assert.deepEqual(
      methods.filter((method) => method === 'DELETE'),
      ['DELETE', 'DELETE', 'DELETE', 'DELETE'],
    );
    const tries = methods.filter((method) => method === 'POST').length;
    await bucket.delete(TWO_KEYS);
    assert.equal(methods.filter((method) => method === 'POST').length, tries);
  });
}
