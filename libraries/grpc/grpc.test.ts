import assert from 'node:assert/strict';
import { mkdtempDisposableSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { CodedError, isCodedError, type ErrorCode } from '@lade/errors';
import { Content } from '@lade/protocol/content';
import { Snapshots } from '@lade/protocol/snapshots';
import { GrpcClient, GrpcServer, type AnsweredCall, type CallContext, type CallWatch } from './index.ts';

function socketPath(t: TestContext): string {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'lade-grpc-'));
  t.after(() => folder.remove());
  return join(folder.path, 's.sock');
}

/** A server that knows three methods, by what the test wants of them. */
async function open(
  t: TestContext,
  handlers: {
    stat?: (key: string, context: CallContext) => Promise<void>;
    list?: (context: CallContext) => AsyncIterable<{ info: { name: string }[] }>;
    write?: (refs: AsyncIterable<{ ref: string }>, context: CallContext) => AsyncIterable<{ offset: bigint }>;
  },
  watch?: CallWatch,
): Promise<GrpcClient> {
  const path = socketPath(t);
  const server = new GrpcServer(watch ? { watch } : {});
  // oxlint-disable-next-line typescript/no-explicit-any -- handlers that no test calls
  const rest = (service: typeof Snapshots | typeof Content): any =>
    Object.fromEntries(service.methods.map(({ localName }) => [localName, async () => ({})]));
  server.add(Snapshots, {
    ...rest(Snapshots),
    stat: async ({ key }: { key: string }, context: CallContext) => {
      await handlers.stat?.(key, context);
      return { info: { name: key } };
    },
    list: (_: unknown, context: CallContext) => handlers.list?.(context) ?? never(),
  });
  server.add(Content, {
    ...rest(Content),
    write: (refs: AsyncIterable<{ ref: string }>, context: CallContext) =>
      handlers.write?.(refs, context) ?? never(),
  });
  await server.listen(path);
  const client = new GrpcClient(path);
  t.after(async () => {
    client[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    assert.ok(!existsSync(path));
  });
  return client;
}

async function* never(): AsyncGenerator<never> {}

test('a unary call carries request, namespace and response', async (t) => {
  let namespace = '';
  const client = await open(t, { stat: async (_, context) => void (namespace = context.namespace) });
  const { info } = await client.call(Snapshots.method.stat, { key: 'k' }, { namespace: 'k8s.io' });
  assert.equal(info?.name, 'k');
  assert.equal(namespace, 'k8s.io');
});

test('every error code arrives as it was thrown, with its cure', async (t) => {
  const client = await open(t, {
    stat: async (key) => {
      throw new CodedError(key as ErrorCode, `Cannot stat ${key}`, { cure: 'Try another' });
    },
  });
  for (const code of [
    'not_found',
    'already_exists',
    'failed_precondition',
    'unimplemented',
    'data_loss',
  ] as const) {
    await assert.rejects(
      client.call(Snapshots.method.stat, { key: code }),
      (e) => isCodedError(e, code) && e.message === `Cannot stat ${code} (Try another)`,
    );
  }
});

test('a server stream ends with the error that its handler throws, after what came before', async (t) => {
  const client = await open(t, {
    async *list() {
      yield { info: [{ name: 'a' }] };
      throw new CodedError('aborted', 'Cannot go on');
    },
  });
  const names: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { info } of client.stream(Snapshots.method.list, {})) names.push(info[0]?.name ?? '');
  };
  await assert.rejects(read(), (e) => isCodedError(e, 'aborted'));
  assert.deepEqual(names, ['a']);
});

test('leaving a stream early, or aborting a call, aborts its handler', async (t) => {
  const aborted: string[] = [];
  const client = await open(t, {
    async *list({ signal }) {
      signal.addEventListener('abort', () => aborted.push('list'));
      while (!signal.aborted) {
        yield { info: [{ name: 'x' }] };
        await sleep(1);
      }
    },
    stat: async (_, { signal }) => {
      signal.addEventListener('abort', () => aborted.push('stat'));
      await sleep(10_000, undefined, { signal, ref: false }).catch(() => {});
    },
  });
  for await (const _ of client.stream(Snapshots.method.list, {})) break;
  const stop = new AbortController();
  const reason = new Error('enough');
  const call = client.call(Snapshots.method.stat, { key: 'k' }, { signal: stop.signal });
  setTimeout(() => stop.abort(reason), 20);
  await assert.rejects(call, reason);
  await assert.rejects(client.call(Snapshots.method.stat, { key: 'k' }, { timeoutMs: 20 }), (e) =>
    isCodedError(e, 'deadline_exceeded'),
  );
  while (aborted.length < 3) await sleep(5);
  assert.deepEqual(aborted.toSorted(), ['list', 'stat', 'stat']);
});

test('what is aborted before it begins is never sent', async (t) => {
  const client = await open(t, {});
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  const { method } = Content;
  await assert.rejects(client.call(Snapshots.method.stat, { key: 'k' }, { signal }), reason);
  await assert.rejects(Array.fromAsync(client.stream(Snapshots.method.list, {}, { signal })), reason);
  await assert.rejects(Array.fromAsync(client.converse(method.write, Readable.from([]), { signal })), reason);
  // A call that nobody reads would end the process by now.
  await sleep(20);
});

test('a two-way stream answers each message, and after the caller has closed its half', async (t) => {
  const client = await open(t, {
    async *write(refs) {
      let count = 0n;
      for await (const { ref } of refs) yield { offset: (count += BigInt(ref.length)) };
      yield { offset: -1n };
    },
  });
  async function* requests(): AsyncGenerator<{ ref: string }> {
    for (const ref of ['a', 'bb', 'ccc']) yield { ref };
  }
  const offsets: bigint[] = [];
  for await (const { offset } of client.converse(Content.method.write, requests())) offsets.push(offset);
  assert.deepEqual(offsets, [1n, 3n, 6n, -1n]);
});

test('a thousand calls at once are all answered', async (t) => {
  const client = await open(t, { stat: async () => sleep(1) });
  const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`);
  const answers = await Promise.all(keys.map((key) => client.call(Snapshots.method.stat, { key })));
  assert.deepEqual(
    answers.map(({ info }) => info?.name),
    keys,
  );
});

test('a socket that nobody answers is `unavailable`', async (t) => {
  using client = new GrpcClient(socketPath(t));
  await assert.rejects(client.call(Snapshots.method.stat, { key: 'k' }, { timeoutMs: 5_000 }), (e) =>
    isCodedError(e, 'unavailable'),
  );
});

test('listen() replaces a stale socket, and refuses a live one and what is no socket', async (t) => {
  const path = socketPath(t);
  const other = createServer().listen(path);
  await new Promise((resolve) => other.once('listening', resolve));
  await assert.rejects(
    new GrpcServer().listen(path),
    (e) => isCodedError(e, 'already_exists') && e.message.includes(path),
  );
  await new Promise((resolve) => other.close(resolve));
  writeFileSync(path, 'precious');
  await assert.rejects(new GrpcServer().listen(path), (e) => isCodedError(e, 'already_exists'));
  assert.ok(existsSync(path));
  const fresh = socketPath(t);
  await using server = new GrpcServer();
  await server.listen(fresh);
  assert.equal(statSync(fresh).mode & 0o777, 0o600);
});

test('every call is told when it has been answered, with what its first message was about', async (t) => {
  const calls: AnsweredCall[] = [];
  const begun: unknown[] = [];
  const watch: CallWatch = {
    async around({ method, request, header }, answer) {
      begun.push([method, (request as { key?: string })?.key, header('containerd-namespace')]);
      await answer();
    },
    subjectOf: (request) => request as object,
    tell: (call) => calls.push(call),
  };
  const client = await open(
    t,
    {
      stat: async (key) => {
        if (key === 'b') throw new CodedError('not_found', 'Cannot find b');
      },
      async *list() {
        yield { info: [{ name: 'x' }] };
        throw new CodedError('aborted', 'Cannot go on');
      },
      async *write(refs) {
        for await (const _ of refs) yield { offset: 1n };
      },
    },
    watch,
  );
  await client.call(Snapshots.method.stat, { key: 'a' }, { namespace: 'k8s.io' });
  await assert.rejects(client.call(Snapshots.method.stat, { key: 'b' }));
  await assert.rejects(Array.fromAsync(client.stream(Snapshots.method.list, { filters: ['f'] })));
  const requests = async function* (): AsyncGenerator<{ ref: string }> {
    yield { ref: 'first' };
    yield { ref: 'second' };
  };
  await Array.fromAsync(client.converse(Content.method.write, requests()));
  const told = calls.map(({ method, namespace, subject, code }) => {
    const { key, filters, ref } = subject as { key?: string; filters?: string[]; ref?: string };
    return [method, namespace, key ?? filters ?? ref, code];
  });
  assert.deepEqual(told, [
    ['stat', 'k8s.io', 'a', undefined],
    ['stat', '', 'b', 'not_found'],
    ['list', '', ['f'], 'aborted'],
    ['write', '', 'first', undefined],
  ]);
  assert.deepEqual(begun, [
    ['Stat', 'a', 'k8s.io'],
    ['Stat', 'b', ''],
    ['List', undefined, ''],
    ['Write', undefined, ''],
  ]);
  assert.ok(calls.every(({ service, ms }) => service.startsWith('containerd.services.') && ms >= 0));
});
