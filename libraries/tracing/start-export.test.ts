import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { registerHooks } from 'node:module';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { SILENT, createLogger } from '@lade/log';
import { createTrace, inSpan, inTrace, parseTraceparent, startExport, type TraceContext } from './index.ts';

type Variables = Readonly<Record<string, string>>;

const SERVICE = { serviceName: 'some', version: '1', log: SILENT };
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** A collector, which counts what is posted to it. */
async function openCollector(
  t: TestContext,
): Promise<{ readonly endpoint: string; readonly posts: () => number }> {
  let posts = 0;
  const server = createServer((request, response) => {
    posts++;
    request.resume().once('end', () => response.end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close().closeAllConnections());
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts: () => posts };
}

/** Ends one span in each of these traces; disposal of the export sends them. */
async function exportSpans(t: TestContext, variables: Variables, traces = [createTrace()]): Promise<void> {
  // The exporter reads where it sends to from the environment itself.
  for (const [name, value] of Object.entries(variables)) process.env[name] = value;
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });
  await using _ = await startExport({ ...SERVICE, variables });
  for (const trace of traces) await inTrace(trace, async () => inSpan('a', {}, async () => {}));
}

test('nothing of OpenTelemetry is loaded before the variables want it', async (t) => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      loaded.push(specifier);
      return next(specifier, context);
    },
  });
  t.after(() => hooks.deregister());
  const endpoint = { [ENDPOINT]: 'http://127.0.0.1:9' };
  const off: readonly Variables[] = [
    {},
    { [ENDPOINT]: '' },
    { ...endpoint, OTEL_SDK_DISABLED: 'true' },
    { ...endpoint, OTEL_TRACES_EXPORTER: 'none' },
    { ...endpoint, OTEL_TRACES_EXPORTER: 'console' },
  ];
  for (const variables of off) assert.equal(await startExport({ ...SERVICE, variables }), undefined);
  const isForeign = (specifier: string): boolean => specifier.startsWith('@opentelemetry/');
  assert.deepEqual(loaded.filter(isForeign), []);
  await exportSpans(t, endpoint, []);
  assert.ok(loaded.some(isForeign));
});

test('spans are sent at the end at the latest, and only those that are sampled', async (t) => {
  const collector = await openCollector(t);
  await exportSpans(t, { [ENDPOINT]: collector.endpoint });
  assert.equal(collector.posts(), 1);
  await exportSpans(t, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.endpoint}/any/path` });
  assert.equal(collector.posts(), 2);
  const above = (flags: string): TraceContext[] => [
    parseTraceparent(`00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-${flags}`) ?? createTrace(),
  ];
  const cases: readonly (readonly [Variables, TraceContext[], number])[] = [
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, [createTrace()], 0],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, [createTrace()], 0],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, above('01'), 1],
    [{}, above('00'), 0],
    [{ OTEL_TRACES_SAMPLER: 'always_on' }, above('00'), 1],
  ];
  for (const [variables, traces, wanted] of cases) {
    const before = collector.posts();
    await exportSpans(t, { [ENDPOINT]: collector.endpoint, OTEL_TRACES_SAMPLER: '', ...variables }, traces);
    assert.equal(collector.posts() - before, wanted, JSON.stringify(variables));
  }
});

test('what cannot be used is refused with what could be', async (t) => {
  const wrong: readonly Variables[] = [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    { OTEL_TRACES_SAMPLER: 'sometimes' },
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'half' },
  ];
  for (const variables of wrong)
    await assert.rejects(
      exportSpans(t, { [ENDPOINT]: 'http://127.0.0.1:9', ...variables }),
      (reason) => isCodedError(reason, 'invalid_argument') && reason.cure !== undefined,
      JSON.stringify(variables),
    );
});

test('a collector that is down is told of once, and once more when it is back', async (t) => {
  let isUp = false;
  const front = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(isUp ? 200 : 400).end());
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  t.after(() => front.close().closeAllConnections());
  const told: string[] = [];
  const log = createLogger(() => {}, 'error', { tell: ({ message }) => told.push(message) });
  const endpoint = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  process.env[ENDPOINT] = endpoint;
  t.after(() => delete process.env[ENDPOINT]);
  const variables = { [ENDPOINT]: endpoint, OTEL_BSP_SCHEDULE_DELAY: '10' };
  await using _ = await startExport({ ...SERVICE, log, variables });
  const send = async (): Promise<void> => {
    await inTrace(createTrace(), async () => inSpan('a', {}, async () => {}));
    await sleep(100);
  };
  while (told.length === 0) await send();
  await send();
  isUp = true;
  while (told.length < 2) await send();
  assert.deepEqual(told, ['spans cannot be exported, they are dropped', 'spans are exported again']);
});
