import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { openBucket } from '@lade/bucket';
import { openContent } from '@lade/content';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { GrpcClient, GrpcServer } from '@lade/grpc';
import { SILENT } from '@lade/log';
import { digestOf } from '@lade/oci';
import { Content, WriteAction, type WriteContentRequestSchema } from '@lade/protocol/content';
import { openDatabase } from '@lade/sqlite';
import { contentHandlers } from './index.ts';

type Request = MessageInitShape<typeof WriteContentRequestSchema>;

const { STAT, WRITE, COMMIT } = WriteAction;
const HELLO = Buffer.from('hello, content');
const DIGEST = digestOf(HELLO);
const ABSENT = digestOf('absent');
const calls = Content.method;

/** A content service behind a real socket, on an empty node. */
async function openService(t: TestContext): Promise<GrpcClient> {
  const stack = new AsyncDisposableStack();
  t.after(async () => stack.disposeAsync());
  const { path: root } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-content-')));
  const db = stack.adopt(openDatabase(join(root, 'state.db')), (opened) => opened.close());
  const bucket = stack.use(await openBucket(`file://${root}/bucket`));
  const content = stack.use(
    await openContent({ root, db, bucket, log: SILENT, sharedAs: undefined, turn: async () => {} }),
  );
  const server = stack.use(new GrpcServer());
  server.add(Content, contentHandlers(content.store, content.ingests));
  await server.listen(join(root, 's.sock'));
  return stack.use(new GrpcClient(join(root, 's.sock')));
}

/** The answers to one Write stream: offset and digest of each. */
async function write(
  client: GrpcClient,
  ...requests: Request[]
): Promise<[offset: number, digest: string][]> {
  async function* send(): AsyncGenerator<Request> {
    yield* requests;
  }
  const answers: [number, string][] = [];
  for await (const { offset, digest } of client.converse(calls.write, send()))
    answers.push([Number(offset), digest]);
  return answers;
}

const store = async (client: GrpcClient, ref: string, data: Uint8Array): Promise<void> =>
  void (await write(client, { action: COMMIT, ref, data }));

async function read(
  client: GrpcClient,
  offset: number,
  size: number,
  digest: string = DIGEST,
): Promise<string> {
  const parts: Uint8Array[] = [];
  const range = { offset: BigInt(offset), size: BigInt(size) };
  for await (const { data } of client.stream(calls.read, { digest, ...range })) parts.push(data);
  return Buffer.concat(parts).toString();
}

const failsWith = (code: ErrorCode) => (reason: unknown) => isCodedError(reason, code);

test('content is written, described, read by range, labelled, listed and deleted', async (t) => {
  const client = await openService(t);
  const labels = { 'containerd.io/gc.root': 'now' };
  const answers = await write(
    client,
    { action: STAT, ref: 'r', total: BigInt(HELLO.byteLength), expected: DIGEST },
    { action: WRITE, data: HELLO.subarray(0, 5) },
    { action: WRITE, offset: 5n, data: HELLO.subarray(5) },
    { action: COMMIT, offset: 14n, total: 14n, expected: DIGEST, labels },
  );
  const [five, all] = [digestOf(HELLO.subarray(0, 5)), DIGEST];
  assert.deepEqual(answers, [
    [0, digestOf('')],
    [5, five],
    [14, all],
    [14, all],
  ]);
  const { info } = await client.call(calls.info, { digest: DIGEST });
  assert.deepEqual([info?.size, info?.labels], [14n, labels]);
  assert.deepEqual(
    await Promise.all([
      read(client, 0, 0),
      read(client, 7, 3),
      read(client, 7, 99),
      read(client, 14, 0),
      read(client, -5, 5),
    ]),
    ['hello, content', 'con', 'content', '', 'hello'],
  );
  const updateMask = { paths: ['labels.a', 'labels.containerd.io/gc.root'] };
  const updated = await client.call(calls.update, {
    info: { digest: DIGEST, labels: { a: '1' } },
    updateMask,
  });
  assert.deepEqual(updated.info?.labels, { a: '1' });
  const list = async (...filters: string[]): Promise<string[]> => {
    const answer = await Array.fromAsync(client.stream(calls.list, { filters }));
    return answer.flatMap((message) => message.info.map(({ digest }) => digest));
  };
  assert.deepEqual(await list(), [DIGEST]);
  assert.deepEqual(await list('labels.a==1'), [DIGEST]);
  assert.deepEqual(await list('labels.a==2', `digest!=${DIGEST}`, 'size'), []);
  await client.call(calls.delete, { digest: DIGEST });
  assert.deepEqual(await list(), []);
  await assert.rejects(client.call(calls.info, { digest: DIGEST }), failsWith('not_found'));
});

test('an ingest goes on where it stopped, or from 0 on once more', async (t) => {
  const client = await openService(t);
  await write(client, { action: WRITE, ref: 'r', data: HELLO.subarray(0, 5) });
  const { status } = await client.call(calls.status, { ref: 'r' });
  assert.deepEqual([status?.offset, status?.total], [5n, 0n]);
  await assert.rejects(
    write(client, { action: WRITE, ref: 'r', offset: 4n, data: HELLO }),
    failsWith('out_of_range'),
  );
  const resumed = { action: WRITE, ref: 'r', offset: 5n, data: HELLO.subarray(5, 8) };
  assert.deepEqual(await write(client, resumed), [[8, digestOf(HELLO.subarray(0, 8))]]);
  assert.deepEqual(await write(client, { action: COMMIT, ref: 'r', data: HELLO }), [[14, DIGEST]]);
  await assert.rejects(client.call(calls.status, { ref: 'r' }), failsWith('not_found'));
});

test('a commit of another size or digest is refused, and the ingest can still be committed', async (t) => {
  const client = await openService(t);
  for (const wrong of [{ total: 13n }, { expected: ABSENT }]) {
    const request = { action: COMMIT, ref: 'r', data: HELLO, ...wrong };
    await assert.rejects(write(client, request), failsWith('failed_precondition'));
  }
  const { statuses } = await client.call(calls.listStatuses, { filters: ['ref==r'] });
  assert.deepEqual(
    statuses.map(({ offset }) => offset),
    [14n],
  );
  assert.deepEqual(await write(client, { action: COMMIT, ref: 'r', offset: 14n }), [[14, DIGEST]]);
});

test('content that is known already ends an ingest of it', async (t) => {
  const client = await openService(t);
  await store(client, 'first', HELLO);
  for (const request of [
    { action: STAT, ref: 'r', expected: DIGEST },
    { action: COMMIT, ref: 'r', data: HELLO },
    { action: COMMIT, ref: 'r', data: HELLO, expected: DIGEST },
  ]) {
    await assert.rejects(write(client, request), failsWith('already_exists'));
    assert.deepEqual((await client.call(calls.listStatuses, {})).statuses, []);
  }
});

test('one writer at a time; an abort ends also the one that writes', async (t) => {
  const client = await openService(t);
  const gate = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  async function* slowly(): AsyncGenerator<Request> {
    yield { action: WRITE, ref: 'r', data: HELLO };
    await gate.promise;
    yield { action: COMMIT };
  }
  const writing = (async () => {
    for await (const _ of client.converse(calls.write, slowly())) opened.resolve();
  })();
  await opened.promise;
  await assert.rejects(store(client, 'r', HELLO), failsWith('unavailable'));
  await client.call(calls.abort, { ref: 'r' });
  gate.resolve();
  await assert.rejects(writing, failsWith('aborted'));
  await assert.rejects(client.call(calls.abort, { ref: 'r' }), failsWith('not_found'));
  await store(client, 'r', HELLO);
});

test('a writer that goes away leaves its ingest to the next one', async (t) => {
  const client = await openService(t);
  const stop = new AbortController();
  async function* forever(): AsyncGenerator<Request> {
    yield { action: WRITE, ref: 'r', data: HELLO };
    await new Promise(() => {});
  }
  const writing = client.converse(calls.write, forever(), { signal: stop.signal });
  assert.equal(Number((await writing.next()).value?.offset), 14);
  stop.abort();
  await assert.rejects(async () => writing.next());
  for (;;) {
    try {
      await write(client, { action: COMMIT, ref: 'r', offset: 14n, expected: DIGEST });
      break;
    } catch (reason) {
      if (!isCodedError(reason, 'unavailable')) throw reason; // until the service has noticed
    }
  }
  assert.equal(await read(client, 0, 0), HELLO.toString());
});

test('other algorithms than sha256 work, announced or found out at the commit', async (t) => {
  const client = await openService(t);
  for (const [algorithm, opened] of [
    ['sha512', true],
    ['sha384', false],
  ] as const) {
    const expected = `${algorithm}:${createHash(algorithm).update(HELLO).digest('hex')}`;
    const first = { action: STAT, ref: algorithm, ...(opened ? { expected } : {}) };
    const answers = await write(client, first, { action: COMMIT, data: HELLO, expected });
    assert.deepEqual(answers.at(-1), [14, expected]);
    assert.equal(await read(client, 0, 5, expected), 'hello');
  }
});

test('an empty blob is content like any other', async (t) => {
  const client = await openService(t);
  await store(client, 'r', Buffer.alloc(0));
  assert.equal(await read(client, 0, 0, digestOf('')), '');
});

test('bad requests have the codes of containerd', async (t) => {
  const client = await openService(t);
  await store(client, 'r', HELLO);
  const info = { digest: DIGEST, labels: { a: '1' } };
  const long = { digest: DIGEST, labels: { a: 'x'.repeat(4096) } };
  const cases: readonly [ErrorCode, () => Promise<unknown>][] = [
    ['invalid_argument', async () => client.call(calls.info, { digest: 'sha256:short' })],
    ['invalid_argument', async () => client.call(calls.delete, { digest: '' })],
    ['invalid_argument', async () => client.call(calls.update, {})],
    ['invalid_argument', async () => client.call(calls.update, { info, updateMask: { paths: ['size'] } })],
    ['invalid_argument', async () => client.call(calls.update, { info: long })],
    ['invalid_argument', async () => Array.fromAsync(client.stream(calls.list, { filters: ['=='] }))],
    ['invalid_argument', async () => client.call(calls.listStatuses, { filters: ['ref~~'] })],
    ['invalid_argument', async () => write(client, { action: STAT })],
    ['invalid_argument', async () => write(client)],
    ['invalid_argument', async () => write(client, { action: STAT, ref: 'x', expected: 'md5:1' })],
    ['invalid_argument', async () => write(client, { action: COMMIT, ref: 'x', labels: long.labels })],
    ['not_found', async () => client.call(calls.info, { digest: ABSENT })],
    ['not_found', async () => client.call(calls.delete, { digest: ABSENT })],
    ['not_found', async () => client.call(calls.update, { info: { digest: ABSENT } })],
    ['not_found', async () => read(client, 0, 0, ABSENT)],
    ['not_found', async () => client.call(calls.status, { ref: 'none' })],
    ['not_found', async () => client.call(calls.abort, { ref: 'none' })],
    ['out_of_range', async () => read(client, 15, 1)],
  ];
  for (const [code, call] of cases) await assert.rejects(call, failsWith(code), `${code}: ${String(call)}`);
});
