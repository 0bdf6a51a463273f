import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@lade/errors';
import { SILENT } from '@lade/log';
import { inSpan } from '@lade/tracing';
import { collectSpans, type CollectedSpans } from '@lade/tracing/collect-spans';
import { serveControl, type ControlPlatform } from './index.ts';
import { NO_CONTAINERS } from './testing/no-containers.ts';

const [TRACE, SPAN] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
const TRACED = { traceparent: `00-${TRACE}-${SPAN}-01` };

const ask = async <T>(work: () => T): Promise<T> => inSpan('bucket get', {}, async () => work());

const PLATFORM = {
  layers: async () => ask(() => []),
  images: async () =>
    ask(() => {
      throw new CodedError('unavailable', 'Cannot list');
    }),
  nodes: async () => {
    await sleep(1_100);
    return ask(() => []);
  },
  metrics: async () => [],
  containers: NO_CONTAINERS,
  async removeImage() {
    throw new CodedError('not_found', 'Cannot find it');
  },
  async *verify(_, { signal }) {
    yield await ask(() => ({ kind: 'verified', layers: 0, failed: 0, tarBytes: 0 }) as const);
    await once(signal, 'abort');
  },
} as Partial<ControlPlatform> as ControlPlatform;

async function serve(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-control-'));
  t.after(async () => rm(folder, { recursive: true }));
  const socketPath = join(folder, 'c.sock');
  const server = await serveControl({ socketPath, platform: PLATFORM, log: SILENT });
  t.after(async () => server[Symbol.asyncDispose]());
  return socketPath;
}

/** The answer's status; the rest of it does not matter. */
async function send(
  socketPath: string,
  call: string,
  headers: OutgoingHttpHeaders = {},
): Promise<number | undefined> {
  const [method = '', path = ''] = call.split(' ');
  const outgoing = request({ socketPath, method, path, headers, agent: false });
  outgoing.end(method === 'POST' ? '{"image":"a"}' : undefined);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (method !== 'POST') await response.resume().toArray();
  response.destroy();
  return response.statusCode;
}

const told = ({ ended }: CollectedSpans): string[] => ended.map(({ name }) => name);

test('a request of a client that traces is a span of the server, by its route', async (t) => {
  const path = await serve(t);
  using spans = collectSpans();
  await send(path, 'GET /v1/layers?verbose=1', TRACED);
  await send(path, 'GET /v1/containers/a%20b', TRACED);
  const [get, layers, container] = spans.ended;
  assert.deepEqual(told(spans), ['bucket get', 'GET /v1/layers', 'GET /v1/containers/{id}']);
  assert.deepEqual([layers?.parent.traceId, layers?.parent.spanId, layers?.kind], [TRACE, SPAN, 'server']);
  assert.equal(get?.parent.spanId, layers?.spanId);
  assert.deepEqual(layers?.attributes, {
    'http.request.method': 'GET',
    'http.route': '/v1/layers',
    'url.path': '/v1/layers',
    'url.scheme': 'http',
    'http.response.status_code': 200,
  });
  assert.deepEqual(
    [container?.attributes['url.path'], container?.attributes['http.response.status_code']],
    ['/v1/containers/a%20b', 400],
  );
  assert.equal(container?.error, undefined);
});

test('reads that nobody traces are told where they fail on our side or are slow, with what lies in them', async (t) => {
  const path = await serve(t);
  using spans = collectSpans();
  for (const call of ['GET /v1/layers', 'HEAD /v1/layers', 'GET /v1/containers/a%20b', 'GET /v1/unknown'])
    await send(path, call);
  assert.deepEqual(told(spans), []);
  assert.equal(await send(path, 'GET /v1/images'), 503);
  assert.deepEqual(told(spans), ['bucket get', 'GET /v1/images']);
  const [, failed] = spans.ended;
  assert.deepEqual([failed?.error, failed?.attributes['http.response.status_code']], ['unavailable', 503]);
  await send(path, 'GET /v1/nodes');
  assert.deepEqual(told(spans).slice(2), ['bucket get', 'GET /v1/nodes']);
});

test('what changes something is always told, unless the sampler does not want it', async (t) => {
  const path = await serve(t);
  {
    using spans = collectSpans();
    assert.equal(await send(path, 'DELETE /v1/images?image=a'), 404);
    const [removed] = spans.ended;
    assert.deepEqual([told(spans), removed?.error], [['DELETE /v1/images'], undefined]);
  }
  using spans = collectSpans(() => false);
  await send(path, 'DELETE /v1/images?image=a');
  assert.deepEqual(told(spans), []);
});

test('the span of a stream ends when its answer has begun', async (t) => {
  const path = await serve(t);
  using spans = collectSpans();
  assert.equal(await send(path, 'POST /v1/images/verify'), 200);
  assert.deepEqual(told(spans), ['bucket get', 'POST /v1/images/verify']);
  assert.equal(spans.ended[0]?.parent.spanId, spans.ended[1]?.spanId);
});

test('metrics, and paths that there are not, are never told', async (t) => {
  const path = await serve(t);
  using spans = collectSpans();
  for (const call of ['GET /metrics', 'GET /v1/unknown', 'DELETE /v1/layers']) await send(path, call, TRACED);
  assert.deepEqual(told(spans), []);
});
