import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerSummary, OutputEvent, RunEvent } from '@lade/control-protocol';
import { SILENT } from '@lade/log';
import { collectBytes } from '@lade/streams';
import { serveControl, type ContainerWork, type ControlPlatform } from './index.ts';
import { assertFits } from './testing/contract.ts';
import { NO_CONTAINERS } from './testing/no-containers.ts';

/*
 * What the handlers answer, held against the schemas of openapi.yaml, and what they are asked against what they pass on.
 */

const TIME = '2026-11-27T01:02:03.004Z';
const RUNNING: ContainerSummary = {
  id: 'c',
  namespace: 'default',
  image: 'docker.io/library/x:1',
  snapshotter: 'lade',
  createdAt: TIME,
  state: 'running',
  pid: 7,
  startedAt: TIME,
  startMs: 12,
  hasLogs: true,
};
const ENDED: ContainerSummary = { ...RUNNING, state: 'stopped', exitStatus: 137, exitedAt: TIME };
const FIGURES = { requests: 9, bytes: 40_960, waits: 3, waitMs: 1.5, filledBytes: 8_192 };
const LAYER = `sha256:${'1'.repeat(64)}` as const;
const READ: ContainerSummary = {
  ...RUNNING,
  layers: [LAYER],
  reads: {
    ...FIGURES,
    unattributed: FIGURES,
    files: [{ diffId: LAYER, path: 'bin/sh', sizeBytes: 9, bytes: 9, waits: 1, waitMs: 0.5 }],
    unseenLayers: [LAYER],
  },
  start: {
    kind: 'cold',
    namespace: 'default',
    container: 'c',
    image: RUNNING.image,
    startedAt: TIME,
    ms: 310,
    pullMs: 900,
    waits: 3,
    waitMs: 1.5,
    filledBytes: 8_192,
    over: true,
  },
};
const OUTPUT: OutputEvent[] = [
  { kind: 'session', session: 'abc' },
  { kind: 'output', stream: 'stderr', data: 'aGk=' },
  { kind: 'exited', exitStatus: 3 },
];
const RUN: RunEvent[] = [
  { kind: 'created', id: 'c' },
  { kind: 'started', id: 'c', pid: 7, ms: 1.5 },
  ...OUTPUT,
];

/** Remembers what it was asked. */
function recorder(asked: unknown[]): ContainerWork {
  return {
    list: async ({ namespace }) => (asked.push(namespace), [RUNNING, ENDED]),
    get: async (id, { namespace }) => (asked.push(id, namespace), READ),
    async *run(wanted, { namespace }) {
      asked.push(wanted, namespace);
      yield* RUN;
    },
    async *exec(id, wanted, { namespace }) {
      asked.push(id, wanted, namespace);
      yield* OUTPUT;
    },
    async *logs(id, { namespace, tail, follow, signal }) {
      asked.push(id, namespace, tail, follow);
      if (id === 'silent') await once(signal, 'abort');
      yield* OUTPUT.slice(1);
    },
    stop: async (id, { namespace, seconds }) => void asked.push(id, namespace, seconds),
    remove: async (id, { namespace, force }) => void asked.push(id, namespace, force),
    sessions: {
      write: async (session, bytes) => void asked.push(session, Buffer.from(bytes).toString()),
      resize: async (session, size) => void asked.push(session, size),
    },
  };
}

test('containers are answered for as openapi.yaml says', async () => {
  const asked: unknown[] = [];
  await using api = await openApi(recorder(asked));
  const took = (): unknown[] => asked.splice(0);
  const list = JSON.parse((await api.send('GET', '/v1/containers?namespace=k8s.io')).text) as {
    containers: unknown[];
  };
  for (const container of list.containers) assertFits('Container', container);
  assert.deepEqual([list.containers.length, took()], [2, ['k8s.io']]);

  const one: unknown = JSON.parse((await api.send('GET', '/v1/containers/c?namespace=k8s.io')).text);
  assertFits('Container', one);
  assert.deepEqual([one, took()], [READ, ['c', 'k8s.io']]);

  const wanted = { image: 'x', args: ['a'], env: ['A='], terminal: true, columns: 80, rows: 24, input: true };
  assertFits('RunRequest', wanted);
  for (const event of await api.lines('POST', '/v1/containers', wanted)) assertFits('RunEvent', event);
  assert.deepEqual(took(), [wanted, 'default']);

  const exec = { args: ['sh'], user: 'ann', workdir: '/', namespace: 'n' };
  assertFits('ExecRequest', exec);
  for (const event of await api.lines('POST', '/v1/containers/c/exec', exec))
    assertFits('OutputEvent', event);
  assert.deepEqual(took(), ['c', { args: ['sh'], user: 'ann', workdir: '/' }, 'n']);

  for (const event of await api.lines('GET', '/v1/containers/c/logs?follow=true&tail=5'))
    assertFits('OutputEvent', event);
  assert.deepEqual(took(), ['c', 'default', 5, true]);

  // A log that nothing was written to is open all the same.
  const silent = await api.open('/v1/containers/silent/logs?follow=true');
  assert.equal(silent.statusCode, 200);
  silent.destroy();
  took();

  const done = async (method: string, path: string, body?: object | string): Promise<unknown[]> => {
    assert.deepEqual(await api.send(method, path, body), { status: 204, text: '' });
    return took();
  };
  assert.deepEqual(await done('POST', '/v1/containers/c/stop', {}), ['c', 'default', 10]);
  assert.deepEqual(await done('DELETE', '/v1/containers/c?force=true'), ['c', 'default', true]);
  assert.deepEqual(await done('POST', '/v1/sessions/s/input', 'keys'), ['s', 'keys']);
  assert.deepEqual(await done('POST', '/v1/sessions/s/size', { columns: 9, rows: 8 }), [
    's',
    { columns: 9, rows: 8 },
  ]);
});

test('what is missing, and requests that are wrong, are told as openapi.yaml says', async () => {
  await using api = await openApi(NO_CONTAINERS);
  const fails = async (status: number, method: string, path: string, body?: object): Promise<void> => {
    const reply = await api.send(method, path, body);
    assert.equal(reply.status, status, `${method} ${path} ${JSON.stringify(body)} ${reply.text}`);
    assertFits('Error', (JSON.parse(reply.text) as { error: unknown }).error);
  };
  await fails(404, 'POST', '/v1/containers', { image: 'x' });
  await fails(404, 'GET', '/v1/containers/c');
  await fails(404, 'GET', '/v1/containers/c/logs');
  await fails(404, 'DELETE', '/v1/containers/c');
  await fails(404, 'POST', '/v1/sessions/s/input', {});
  for (const path of [
    '/v1/containers/c/logs?tail=-1',
    '/v1/containers/c/logs?follow=yes',
    '/v1/containers/-/logs',
  ])
    await fails(400, 'GET', path);
  for (const namespace of ['..', 'a/b', '', 'a'.repeat(77)]) {
    const query = `namespace=${encodeURIComponent(namespace)}`;
    for (const path of ['/v1/containers', '/v1/containers/x', '/v1/containers/x/logs', '/v1/images'])
      await fails(400, 'GET', `${path}?${query}`);
    await fails(400, 'DELETE', `/v1/images?image=x&${query}`);
    await fails(400, 'DELETE', `/v1/containers/x?${query}`);
    await fails(400, 'POST', '/v1/images/pull', { image: 'x', namespace });
    await fails(400, 'POST', '/v1/containers', { image: 'x', namespace });
    await fails(400, 'POST', '/v1/containers/x/exec', { args: ['x'], namespace });
    await fails(400, 'POST', '/v1/containers/x/stop', { namespace });
  }
  for (const wrong of [
    { args: 'x' },
    { args: ['\0'] },
    { env: ['A'] },
    { terminal: 1 },
    { columns: 0 },
    { rows: 70_000 },
  ])
    await fails(400, 'POST', '/v1/containers', { image: 'x', ...wrong });
  await fails(400, 'GET', '/v1/images?maxAge=soon');
  await fails(400, 'POST', '/v1/containers/c/exec', { args: [] });
  await fails(400, 'POST', '/v1/containers/c/stop', { seconds: 3601 });
  await fails(400, 'POST', '/v1/sessions/s/size', { columns: 1 });
});

interface Api extends AsyncDisposable {
  send(
    method: string,
    path: string,
    body?: object | string,
  ): Promise<{ readonly status: number; readonly text: string }>;
  lines(method: string, path: string, body?: object): Promise<unknown[]>;
  /** Resolves when the answer has begun. */
  open(path: string): Promise<IncomingMessage>;
}

async function openApi(containers: ContainerWork): Promise<Api> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-control-')));
  const socketPath = join(folder.path, 'c.sock');
  const platform = { containers } as unknown as ControlPlatform;
  stack.use(await serveControl({ socketPath, platform, log: SILENT }));
  const owned = stack.move();
  const send: Api['send'] = async (method, path, body) => {
    const outgoing = request({ socketPath, method, path, agent: false });
    outgoing.end(typeof body === 'object' ? JSON.stringify(body) : body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const text = Buffer.from(await collectBytes(response, 2 ** 20)).toString('utf8');
    return { status: response.statusCode ?? 0, text };
  };
  return {
    send,
    async open(path) {
      const [response] = await once(request({ socketPath, path, agent: false }).end(), 'response');
      return response as IncomingMessage;
    },
    async lines(...asked) {
      const { status, text } = await send(...asked);
      assert.equal(status, 200, text);
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}
