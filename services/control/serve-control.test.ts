import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { ControlClient, type Status, type VerifyEvent } from '@lade/control-protocol';
import { SAMPLE_STATUS } from '@lade/control-protocol/testing';
import { CodedError, isCodedError } from '@lade/errors';
import { SILENT } from '@lade/log';
import { digestOf } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { serveControl, type ControlPlatform, type ControlServer, type ServeControlOptions } from './index.ts';

const DIFF_ID = digestOf('layer');
const STATUS: Status = {
  ...SAMPLE_STATUS,
  bucketHealth: {
    state: 'refused',
    since: '2026-11-01T10:00:00.000Z',
    lastSuccessAt: '2026-11-01T09:59:00.000Z',
    lastError: {
      code: 'unauthenticated',
      message: 'Cannot get chains/x in s3://bucket/prefix: refused',
      cure: 'Check the access key id',
      at: '2026-11-01T10:00:00.000Z',
      operation: 'get',
      key: 'chains/x',
    },
    clockAheadMs: 300_400,
  },
};
const EVENTS: readonly VerifyEvent[] = [
  { kind: 'proving', diffId: DIFF_ID, number: 1, of: 1 },
  {
    kind: 'failed',
    diffId: DIFF_ID,
    number: 1,
    of: 1,
    error: { code: 'data_loss', message: 'Cannot prove it' },
  },
  { kind: 'verified', layers: 1, failed: 1, tarBytes: 0 },
];

const TOKEN = { value: 'right-token', file: '/r/control-token' };

/** As much of it as these tests ask for. */
const PLATFORM = {
  status: async () => STATUS,
  nodes: async () => [],
  images: async () => [],
  async removeImage(image, { namespace = 'none' }) {
    if (image === 'unknown') throw new CodedError('not_found', `Cannot find image unknown in ${namespace}`);
  },
  layers: async () => {
    throw new CodedError('unavailable', 'Cannot list', { cure: 'Wait' });
  },
  events: () => Readable.from([]),
  async *verify(image) {
    if (image === 'unknown') throw new CodedError('not_found', 'Cannot find image unknown');
    yield* EVENTS;
  },
  async *pull({ image, namespace = 'none' }) {
    yield { kind: 'fetching', diffId: DIFF_ID, number: 1, of: 1 };
    throw new CodedError('aborted', `Cannot pull ${image} into ${namespace}`);
  },
} as Partial<ControlPlatform> as ControlPlatform;

async function serve(
  t: TestContext,
  options: Partial<ServeControlOptions> = {},
): Promise<ControlServer & { path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-control-'));
  t.after(async () => rm(folder, { recursive: true }));
  const path = join(folder, 'c.sock');
  const server = await serveControl({
    socketPath: path,
    platform: PLATFORM,
    log: SILENT,
    ...options,
  });
  t.after(async () => server[Symbol.asyncDispose]());
  return { ...server, path };
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

async function send(options: RequestOptions, body?: string): Promise<Reply> {
  const outgoing = request({ agent: false, ...options });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const text = Buffer.from(await collectBytes(response, 2 ** 20)).toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

test('a client gets documents, and errors as the platform threw them', async (t) => {
  const { path, address } = await serve(t);
  assert.equal(address, path);
  using client = ControlClient.open(path);
  assert.deepEqual(await client.status(), STATUS);
  assert.deepEqual(await client.images(), []);
  await assert.rejects(client.layers(), { code: 'unavailable', message: 'Cannot list', cure: 'Wait' });
});

test('a client gets events as they come, and a failure at once or in the middle as an error', async (t) => {
  const { path } = await serve(t);
  using client = ControlClient.open(path);
  assert.deepEqual(await Array.fromAsync(client.verify('image')), EVENTS);
  await assert.rejects(Array.fromAsync(client.verify('unknown')), { code: 'not_found' });
  const kinds: string[] = [];
  const pull = async (): Promise<void> => {
    for await (const { kind } of client.pull({ image: 'image', namespace: 'k8s.io' })) kinds.push(kind);
  };
  await assert.rejects(pull(), { code: 'aborted', message: 'Cannot pull image into k8s.io' });
  assert.deepEqual(kinds, ['fetching']);
});

test('an image is removed with nothing to say, or an error', async (t) => {
  const { path: socketPath } = await serve(t);
  using client = ControlClient.open(socketPath);
  await client.removeImage('registry:5000/image');
  const namespace = 'k8s.io';
  await assert.rejects(client.removeImage('unknown', { namespace }), {
    code: 'not_found',
    message: 'Cannot find image unknown in k8s.io',
  });
  const remove = { socketPath, method: 'DELETE', path: '/v1/images' };
  assert.equal((await send(remove)).status, 400);
  const { status, text } = await send({ ...remove, path: `${remove.path}?image=a` });
  assert.deepEqual([status, text], [204, '']);
});

test('a pull is asked for as the contract says', async (t) => {
  const { path: socketPath } = await serve(t);
  const pull = { socketPath, method: 'POST', path: '/v1/images/pull' };
  for (const wrong of [
    '{}',
    '{"image":"a","from":"x"}',
    '{"image":"a","plainHttp":1}',
    '{"image":"a","namespace":""}',
  ])
    assert.equal((await send(pull, wrong)).status, 400, wrong);
});

test('what fails before the first event is answered with its status', async (t) => {
  const { path: socketPath } = await serve(t);
  const verify = { socketPath, method: 'POST', path: '/v1/images/verify' };
  const unknown = await send(verify, '{"image":"unknown"}');
  assert.equal(unknown.status, 404);
  assert.deepEqual(JSON.parse(unknown.text), {
    error: { code: 'not_found', message: 'Cannot find image unknown' },
  });
  const known = await send(verify, '{"image":"known"}');
  assert.equal(known.status, 200);
  assert.equal(known.headers['content-type'], 'application/x-ndjson');
  assert.equal(known.text, EVENTS.map((event) => `${JSON.stringify(event)}\n`).join(''));
});

test('requests that are none are refused, each with its status', async (t) => {
  const { path: socketPath } = await serve(t);
  const status = async (method: string, path: string, body?: string): Promise<number> =>
    (await send({ socketPath, method, path }, body)).status;
  assert.equal(await status('GET', '/v2/status'), 404);
  assert.equal(await status('GET', '/constructor'), 404);
  assert.equal(await status('DELETE', '/v1/status'), 405);
  assert.equal(await status('GET', '/v1/images/verify'), 405);
  assert.equal(await status('HEAD', '/v1/status?x=1'), 200);
  assert.equal(await status('GET', '/v1/layers'), 503);
  for (const body of [
    '',
    'x',
    '7',
    '[]',
    '{}',
    '{"image":7}',
    '{"image":""}',
    '{"image":"i","namespace":[]}',
  ]) {
    assert.equal(await status('POST', '/v1/images/pull', body), 400, body);
  }
  const image = 'x'.repeat(64 << 10);
  assert.equal(await status('POST', '/v1/images/pull', JSON.stringify({ image })), 413);
  assert.equal(
    (await send({ socketPath, method: 'PUT', path: '/v1/images' })).headers['allow'],
    'GET, DELETE',
  );
});

test('the socket is for its owner alone, and goes when the server goes', async (t) => {
  const { path, ...server } = await serve(t);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await server[Symbol.asyncDispose]();
  await assert.rejects(stat(path), { code: 'ENOENT' });
});

test('a socket that is served is left alone, one that is dead is replaced, a file is kept', async (t) => {
  const { path, ...server } = await serve(t);
  const again = { socketPath: path, platform: PLATFORM, log: SILENT };
  await assert.rejects(serveControl(again), (e) => isCodedError(e, 'already_exists'));
  await server[Symbol.asyncDispose]();
  await writeFile(path, 'precious');
  await assert.rejects(serveControl(again), (e) => isCodedError(e, 'already_exists'));
  await rm(path);
  const { execFileSync } = await import('node:child_process');
  const dying = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.throws(() => execFileSync(process.execPath, ['-e', dying]));
  assert.ok((await stat(path)).isSocket());
  await using second = await serveControl(again);
  using client = ControlClient.open(second.address);
  assert.equal((await client.status()).layers, STATUS.layers);
});

test('HTTP is served when asked, and reads on loopback need no token', async (t) => {
  const { address } = await serve(t, { http: { host: '127.0.0.1', port: 0, token: TOKEN } });
  assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  const { port } = new URL(address);
  const reply = await send({ host: '127.0.0.1', port, path: '/v1/status' });
  assert.deepEqual(JSON.parse(reply.text), STATUS);
});

test('pages of other sites and rebound names are refused', async (t) => {
  const { address, path: socketPath } = await serve(t, {
    http: { host: '127.0.0.1', port: 0, token: TOKEN },
  });
  const { port, host } = new URL(address);
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await send({ host: '127.0.0.1', port, path: '/v1/status', headers })).status;
  assert.equal(await status({ host: `evil.test:${port}` }), 403);
  assert.equal(await status({ host: `localhost.evil.test:${port}` }), 403);
  assert.equal(await status({ host: `localhost:${port}` }), 200);
  assert.equal(await status({ host: `[::1]:${port}` }), 200);
  assert.equal(await status({ host, origin: 'http://evil.test' }), 403);
  assert.equal(await status({ host, origin: 'null' }), 403);
  assert.equal(await status({ host, origin: `http://localhost:${port}` }), 403);
  assert.equal(await status({ host, origin: address }), 200);
  assert.equal(await status({ host, origin: `https://${host}` }), 200);
  const from = async (site: string, mode: string, dest: string): Promise<number> =>
    status({ host, 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest });
  assert.equal(await from('cross-site', 'no-cors', 'image'), 403);
  assert.equal(await from('same-site', 'no-cors', 'script'), 403, 'another port of this machine');
  assert.equal(await from('cross-site', 'navigate', 'iframe'), 403);
  assert.equal(await from('cross-site', 'navigate', 'document'), 200, 'a link');
  assert.equal(await from('same-origin', 'cors', 'empty'), 200);
  assert.equal(await from('none', 'navigate', 'document'), 200, 'typed');
  assert.equal(
    (await send({ socketPath, path: '/v1/status', headers: { origin: 'http://evil.test' } })).status,
    403,
  );
});

test('a client that goes ends the work, before the first event and after it', async (t) => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const waitForAbort = async (signal: AbortSignal): Promise<never> => {
    await once(signal, 'abort');
    throw signal.reason;
  };
  let calls = 0;
  const { path } = await serve(t, {
    platform: {
      ...PLATFORM,
      async *verify(image, { signal }) {
        try {
          if (image === 'slow') await waitForAbort(signal);
          for (;;) {
            yield EVENTS[0] as VerifyEvent;
            if (image === 'quiet') await waitForAbort(signal);
          }
        } finally {
          if (++calls === 3) resolve();
        }
      },
    },
  });
  using client = ControlClient.open(path);
  const stop = new AbortController();
  const slow = Array.fromAsync(client.verify('slow', { signal: stop.signal }));
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(slow, { code: 'cancelled' });
  for (const image of ['quiet', 'busy']) for await (const _ of client.verify(image)) break;
  await aborted;
});

test('disposing ends the work that runs, and waits for it', async (t) => {
  let ended = false;
  const { path, ...server } = await serve(t, {
    platform: {
      ...PLATFORM,
      async *verify(_, { signal }) {
        yield EVENTS[0] as VerifyEvent;
        await once(signal, 'abort');
        await new Promise((resolve) => setTimeout(resolve, 20));
        ended = true;
      },
    },
  });
  using client = ControlClient.open(path);
  const events = client.verify('image')[Symbol.asyncIterator]();
  await events.next();
  await server[Symbol.asyncDispose]();
  assert.ok(ended);
  await assert.rejects(Promise.resolve(events.next()), (e) => isCodedError(e, 'unavailable'));
});
