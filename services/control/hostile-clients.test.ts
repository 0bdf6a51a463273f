import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { VerifyEvent } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { SILENT } from '@lade/log';
import { collectBytes } from '@lade/streams';
import { serveControl, type ControlPlatform } from './index.ts';
import { NO_CONTAINERS } from './testing/no-containers.ts';

const TOKEN = { value: 'a'.repeat(43), file: '/r/control-token' };
const JSON_TYPE = { 'content-type': 'application/json' };
const WITH_TOKEN = { ...JSON_TYPE, authorization: `Bearer ${TOKEN.value}` };
const PULL = { method: 'POST', path: '/v1/images/pull' };
const EVENT: VerifyEvent = { kind: 'verified', layers: 1, failed: 0, tarBytes: 0 };

/** A platform that has nothing, and whose proofs have no end. */
function endless(open: Set<AbortSignal>): ControlPlatform {
  const platform: Partial<ControlPlatform> = {
    containers: NO_CONTAINERS,
    async status() {
      throw new CodedError('not_found', 'Cannot find anything');
    },
    images: async () => [],
    layers: async () => [],
    async *verify(_, { signal }) {
      open.add(signal);
      yield EVENT;
      if (!signal.aborted) await once(signal, 'abort');
      open.delete(signal);
    },
    async *pull() {},
  };
  return platform as ControlPlatform;
}

interface Target {
  readonly port: number;
  readonly open: Set<AbortSignal>;
}

async function serve(t: TestContext, host = '127.0.0.1'): Promise<Target> {
  const stack = new AsyncDisposableStack();
  t.after(async () => stack.disposeAsync());
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-control-')));
  const open = new Set<AbortSignal>();
  const server = await serveControl({
    socketPath: join(folder.path, 'c.sock'),
    http: { host, port: 0, token: TOKEN },
    platform: endless(open),
    log: SILENT,
  });
  stack.use(server);
  return { port: Number(new URL(server.address).port), open };
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

async function send(port: number, options: RequestOptions, body = ''): Promise<Reply> {
  const outgoing = request({ agent: false, host: '127.0.0.1', port, ...options });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const text = Buffer.from(await collectBytes(response, 2 ** 20)).toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

test('on loopback, what changes something needs the token, and reading does not', async (t) => {
  const { port } = await serve(t);
  const body = '{"image":"i"}';
  for (const authorization of [
    '',
    'Bearer',
    `Bearer ${'b'.repeat(43)}`,
    `Basic ${TOKEN.value}`,
    TOKEN.value,
  ]) {
    const { status, headers, text } = await send(
      port,
      { ...PULL, headers: { ...JSON_TYPE, authorization } },
      body,
    );
    assert.equal(status, 401, authorization);
    assert.match(headers['www-authenticate'] ?? '', /^Bearer /);
    assert.match(text, /"cure":"[^"]*\/r\/control-token/);
    assert.ok(!text.includes(TOKEN.value));
  }
  const cookie = `token=${TOKEN.value}`;
  assert.equal((await send(port, { ...PULL, headers: { ...JSON_TYPE, cookie } }, body)).status, 401);
  assert.equal((await send(port, { ...PULL, headers: WITH_TOKEN }, body)).status, 200);
  assert.equal((await send(port, { path: '/v1/images' })).status, 200);
});

test('on another address everything needs the token, and any name of it will do', async (t) => {
  const { port } = await serve(t, '0.0.0.0');
  const host = `node7.example.test:${port}`;
  assert.equal((await send(port, { path: '/v1/images', headers: { host } })).status, 401);
  assert.equal((await send(port, { path: '/v1/images', headers: { ...WITH_TOKEN, host } })).status, 200);
  const foreign = { ...WITH_TOKEN, host, origin: 'http://evil.test' };
  assert.equal((await send(port, { path: '/v1/images', headers: foreign })).status, 403);
});

test('a form of another page cannot post, and a body that is too large is not read', async (t) => {
  const { port } = await serve(t);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
    const headers = { ...WITH_TOKEN, 'content-type': type };
    assert.equal((await send(port, { ...PULL, headers }, '{"image":"i"}')).status, 415, type);
  }
  const large = JSON.stringify({ image: 'x'.repeat(64 << 10) });
  assert.equal((await send(port, { ...PULL, headers: WITH_TOKEN }, large)).status, 413);
  const { status } = await send(port, { path: '/v1/images', headers: { filler: 'x'.repeat(20_000) } });
  assert.equal(status, 431);
});

test('of 500 streams at once 64 are served, and when they end there is room again', async (t) => {
  const { port, open } = await serve(t);
  const stream = { method: 'POST', path: '/v1/images/verify', headers: WITH_TOKEN };
  const statuses = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const outgoing = request({ agent: false, host: '127.0.0.1', port, ...stream });
      outgoing.on('error', () => {});
      t.after(() => outgoing.destroy());
      outgoing.end('{"image":"i"}');
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      return { outgoing, status: response.statusCode };
    }),
  );
  assert.equal(statuses.filter(({ status }) => status === 200).length, 64);
  assert.equal(statuses.filter(({ status }) => status === 429).length, 436);
  assert.equal(open.size, 64);
  assert.equal((await send(port, { path: '/v1/images' })).status, 200);
  for (const { outgoing } of statuses) outgoing.destroy();
  while (open.size > 0) await new Promise((resolve) => setImmediate(resolve));
  const again = request({ agent: false, host: '127.0.0.1', port, ...stream });
  again.end('{"image":"i"}');
  const [response] = (await once(again, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  again.destroy();
});

test('what is no HTTP is answered with 400 at most, and the next request is served', async (t) => {
  const { port } = await serve(t);
  for (const bytes of [
    '\0\0\0\0\r\n\r\n',
    'GET /v1/images HTTP/9.9\r\n\r\n',
    'GET\r\n\r\n',
    'x'.repeat(99_999),
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
  assert.equal((await send(port, { path: '/v1/images' })).status, 200);
  for (const path of ['/v1/images/', '/v1/%69mages', '//v1/images', '/v1/images/../status', '/v1/images%2f'])
    assert.equal((await send(port, { path })).status, 404, path);
});
