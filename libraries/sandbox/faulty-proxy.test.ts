import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { openFaultyProxy, type FaultyProxy, type ProxiedRequest } from './faulty-proxy.ts';

const BODY = Buffer.alloc(100_000, 'body');

/** A proxy of a server that answers GET with BODY, and PUT with what it was sent. */
async function open(t: TestContext): Promise<FaultyProxy> {
  const server = createServer((request, response) => {
    if (request.method === 'PUT') request.pipe(response);
    else response.writeHead(200, { 'content-length': BODY.length }).end(BODY);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const proxy = await openFaultyProxy(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    await proxy[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  return proxy;
}

async function get({ address }: FaultyProxy, init: RequestInit = {}): Promise<Buffer> {
  const response = await fetch(`http://${address}/bucket/key?x=1`, init);
  return Buffer.from(await response.arrayBuffer());
}

test('without a fault everything passes, both ways', async (t) => {
  const proxy = await open(t);
  assert.deepEqual(await get(proxy), BODY);
  assert.equal(String(await get(proxy, { method: 'PUT', body: 'sent' })), 'sent');
  assert.equal(proxy.counts().forward, 2);
});

test('each request is shown to whoever chooses the fault', async (t) => {
  const proxy = await open(t);
  const seen: ProxiedRequest[] = [];
  proxy.inject((request) => void seen.push(request));
  await get(proxy, { headers: { range: 'bytes=0-1' } });
  await get(proxy);
  const about = { method: 'GET', path: '/bucket/key?x=1' };
  assert.deepEqual(seen, [
    { ...about, number: 1, range: 'bytes=0-1' },
    { ...about, number: 2, range: undefined },
  ]);
});

test('a delayed answer is the right one', async (t) => {
  const proxy = await open(t);
  proxy.inject(() => ({ kind: 'delay', ms: 50 }));
  const started = performance.now();
  assert.deepEqual(await get(proxy), BODY);
  assert.ok(performance.now() - started >= 49);
});

test('a complaint looks like one of S3', async (t) => {
  const proxy = await open(t);
  proxy.inject(() => ({ kind: 'status', status: 503, retryAfterSeconds: 2 }));
  const response = await fetch(`http://${proxy.address}/`, { method: 'PUT', body: BODY });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '2');
  assert.match(await response.text(), /<Code>SlowDown</);
  assert.deepEqual(proxy.counts(), {
    forward: 0,
    delay: 0,
    status: 1,
    reset: 0,
    'half-body': 0,
    flip: 0,
    damage: 0,
    silence: 0,
  });
});

test('a reset gives no answer, and half a body no whole one', async (t) => {
  const proxy = await open(t);
  proxy.inject(() => ({ kind: 'reset' }));
  await assert.rejects(fetch(`http://${proxy.address}/`));
  proxy.inject(() => ({ kind: 'half-body' }));
  const response = await fetch(`http://${proxy.address}/`);
  assert.equal(response.headers.get('content-length'), String(BODY.length));
  await assert.rejects(response.arrayBuffer());
});

test('a flipped body differs in one bit', async (t) => {
  const proxy = await open(t);
  proxy.inject(() => ({ kind: 'flip' }));
  const body = await get(proxy);
  assert.equal(body.length, BODY.length);
  const wrong = [...body.entries()].filter(([i, byte]) => byte !== BODY[i]);
  assert.deepEqual(wrong, [[BODY.length / 2, (BODY[BODY.length / 2] ?? 0) ^ 1]]);
});

test('silence lasts until who waits has had enough, or the server vanishes', async (t) => {
  const proxy = await open(t);
  proxy.inject(() => ({ kind: 'silence' }));
  await assert.rejects(get(proxy, { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
  const waiting = assert.rejects(get(proxy));
  while (proxy.counts().silence < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await proxy.vanish();
  await waiting;
});

test('what has vanished refuses connections, until it is healed at the same address', async (t) => {
  const proxy = await open(t);
  proxy.inject(() => ({ kind: 'reset' }));
  await proxy.vanish();
  await proxy.vanish();
  await assert.rejects(fetch(`http://${proxy.address}/`), (reason: Error) => {
    assert.equal((reason.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  });
  await proxy.heal();
  assert.deepEqual(await get(proxy), BODY);
});
