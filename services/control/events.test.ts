import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ControlClient, type DaemonEvent } from '@lade/control-protocol';
import { EventLog } from '@lade/event-log';
import { SILENT } from '@lade/log';
import { serveControl, type ControlPlatform } from './index.ts';

const TIME = '2026-11-27T00:00:00.000Z';

/** Tells what it was asked for; then, to those who follow, nothing more. */
const events: ControlPlatform['events'] = async function* ({ follow, ...query }, { signal }) {
  yield { kind: 'asked', id: 7, time: TIME, query };
  if (!follow) return;
  await once(signal, 'abort');
  signal.throwIfAborted();
};

async function serve(t: TestContext, platform: Partial<ControlPlatform> = { events }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-control-'));
  t.after(async () => rm(folder, { recursive: true }));
  const socketPath = join(folder, 'c.sock');
  const server = await serveControl({ socketPath, platform: platform as ControlPlatform, log: SILENT });
  t.after(async () => server[Symbol.asyncDispose]());
  return socketPath;
}

async function open(
  socketPath: string,
  query: string,
  headers: OutgoingHttpHeaders = {},
): Promise<IncomingMessage> {
  const outgoing = request({ socketPath, path: `/v1/events?${query}`, headers, agent: false });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString();
}

test('events are filtered by query parameters, and end with the last one', async (t) => {
  const socketPath = await serve(t);
  using client = ControlClient.open(socketPath);
  const asked = { kind: 'asked', id: 7, time: TIME };
  const query = { kind: 'bucket.put', text: 'a b&c', since: 5 };
  assert.deepEqual(await Array.fromAsync(client.events(query)), [{ ...asked, query }]);
  assert.deepEqual(await Array.fromAsync(client.events({ from: TIME })), [
    { ...asked, query: { from: TIME } },
  ]);
  assert.equal((await open(socketPath, 'follow=maybe')).statusCode, 400);
  assert.equal((await open(socketPath, 'since=never')).statusCode, 400);
});

test('a client that accepts text/event-stream gets it, from where it was', async (t) => {
  const socketPath = await serve(t);
  const headers = { accept: 'text/event-stream', 'last-event-id': '42' };
  const response = await open(socketPath, 'since=5', headers);
  assert.equal(response.headers['content-type'], 'text/event-stream');
  const data = JSON.stringify({ kind: 'asked', id: 7, time: TIME, query: { since: 42 } });
  assert.equal(await textOf(response), `id: 7\ndata: ${data}\n\n`);
});

test('a quiet stream of events is kept alive by comments', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const response = await open(await serve(t), 'follow=true', { accept: 'text/event-stream' });
  await once(response, 'data');
  t.mock.timers.tick(15_000);
  const [comment] = (await once(response, 'data')) as [Buffer];
  assert.match(comment.toString(), /^:.*\n\n$/);
  response.destroy();
});

test('a client that does not read loses events, is told how many, and costs no memory', async (t) => {
  const log = new EventLog({ maxEvents: 100 });
  const socketPath = await serve(t, { events: (query, { signal }) => log.follow(query, signal) });
  log.tell('first');
  using client = ControlClient.open(socketPath);
  const seen = client.events({ follow: true })[Symbol.asyncIterator]();
  await seen.next();
  const told = 5_000;
  for (let n = 0; n < told; n++) {
    log.tell('more', { text: 'x'.repeat(2_000) });
    if (n % 50 === 0) await setImmediate();
  }
  log.tell('last');
  let [read, lost] = [0, 0];
  for (let kind = ''; kind !== 'last';) {
    const { value } = (await seen.next()) as { value: DaemonEvent };
    ({ kind } = value);
    if (kind === 'lost') lost += Number(value['count']);
    else read++;
  }
  assert.equal(read + lost, told + 1);
  assert.ok(lost > 0, `${read} were read`);
  await seen.return?.();
});

test('only so many streams are open at the same time', async (t) => {
  const socketPath = await serve(t);
  const streams = await Promise.all(Array.from({ length: 64 }, async () => open(socketPath, 'follow=true')));
  assert.ok(streams.every(({ statusCode }) => statusCode === 200));
  const refused = await open(socketPath, 'follow=true');
  assert.equal(refused.statusCode, 429);
  const { error } = JSON.parse(await textOf(refused)) as { error: { code: string; cure: string } };
  assert.equal(error.code, 'resource_exhausted');
  assert.ok(error.cure);
  streams.forEach((stream) => stream.destroy());
  let status: number | undefined = 429;
  while (status === 429) {
    const stream = await open(socketPath, 'follow=true');
    status = stream.statusCode;
    stream.destroy();
  }
  assert.equal(status, 200);
});
