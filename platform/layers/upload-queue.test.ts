import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { CodedError } from '@lade/errors';
import { SILENT } from '@lade/log';
import { chainId, digestOf, type Digest } from '@lade/oci';
import { transaction, type Database } from '@lade/sqlite';
import { createTrace, currentTrace, inTrace } from '@lade/tracing';
import { openTestNode } from './testing/test-layers.ts';
import { UploadQueue, type Upload } from './upload-queue.ts';

function upload(name: string, parentChainId?: Digest): Upload {
  const diffId = digestOf(name);
  return { chainId: chainId(parentChainId, diffId), parentChainId, diffId };
}

const [A, B, C] = [upload('a'), upload('b', digestOf('p')), upload('c')];
const OFFLINE = new CodedError('unavailable', 'Cannot reach the bucket');

async function openDatabase(t: TestContext): Promise<Database> {
  const node = await openTestNode();
  t.after(async () => node[Symbol.asyncDispose]());
  return node.db;
}

/** Resolves when nothing waits any more. */
async function drained(queue: UploadQueue): Promise<void> {
  while (queue.status().waiting > 0) await sleep(5);
}

test('uploads run one after the other in their order, each once', async (t) => {
  const seen: Upload[] = [];
  let running = 0;
  const queue = new UploadQueue(
    await openDatabase(t),
    async (it) => {
      assert.equal(++running, 1);
      await sleep(1);
      running--;
      seen.push(it);
    },
    SILENT,
  );
  await using _ = queue;
  for (const it of [A, B, A]) queue.enqueue(it);
  assert.deepEqual(queue.status(), { waiting: 2, lastError: undefined });
  assert.ok(queue.isWaiting(B.diffId) && !queue.isWaiting(C.diffId));
  queue.start();
  await drained(queue);
  queue.enqueue(C);
  await drained(queue);
  assert.deepEqual(seen, [A, B, C]);
  assert.ok(!queue.isWaiting(A.diffId));
});

test('an upload that fails goes behind the others, tells why, and is tried again', async (t) => {
  const seen: Digest[] = [];
  let failures = 1;
  const queue = new UploadQueue(
    await openDatabase(t),
    async ({ diffId }) => {
      seen.push(diffId);
      if (diffId !== A.diffId || failures === 0) return;
      failures--;
      throw OFFLINE;
    },
    SILENT,
  );
  await using _ = queue;
  queue.enqueue(A);
  queue.enqueue(B);
  queue.start();
  while (seen.length === 0) await sleep(5);
  await sleep(0);
  assert.deepEqual(queue.status(), { waiting: 2, lastError: OFFLINE.message });
  await drained(queue);
  assert.deepEqual(seen, [A.diffId, B.diffId, A.diffId]);
  assert.equal(queue.status().lastError, undefined);
});

test('what was enqueued is there after the next start, but for what was rolled back', async (t) => {
  const db = await openDatabase(t);
  const never = async (): Promise<void> => assert.fail('not started');
  const before = new UploadQueue(db, never, SILENT);
  before.enqueue(A);
  assert.throws(() =>
    transaction(db, () => {
      before.enqueue(B);
      throw new Error('no commit');
    }),
  );
  transaction(db, () => before.enqueue(C));
  const seen: Upload[] = [];
  const after = new UploadQueue(db, async (it) => void seen.push(it), SILENT);
  await using _ = after;
  after.start();
  await drained(after);
  assert.deepEqual(seen, [A, C]);
});

test('an upload belongs to the trace in which it was enqueued, also after the next start', async (t) => {
  const db = await openDatabase(t);
  const before = new UploadQueue(db, async () => assert.fail('not started'), SILENT);
  const trace = createTrace();
  inTrace(trace, () => before.enqueue(A));
  before.enqueue(B);
  const seen: (string | undefined)[] = [];
  const after = new UploadQueue(db, async () => void seen.push(currentTrace()?.traceId), SILENT);
  await using _ = after;
  after.start();
  await drained(after);
  assert.deepEqual(seen, [trace.traceId, undefined]);
});

test('disposal stops the upload under way and keeps it', async (t) => {
  const db = await openDatabase(t);
  const started = Promise.withResolvers<void>();
  const queue = new UploadQueue(
    db,
    async (_, signal) => {
      started.resolve();
      await sleep(60_000, undefined, { signal });
    },
    SILENT,
  );
  queue.enqueue(A);
  queue.start();
  await started.promise;
  await queue[Symbol.asyncDispose]();
  assert.equal(queue.status().waiting, 1);
});

test('an upload whose layer has gone from the node is dropped', async (t) => {
  const gone = new CodedError('not_found', 'Cannot find the layer', { details: { localLayer: 'gone' } });
  const queue = new UploadQueue(await openDatabase(t), async () => Promise.reject(gone), SILENT);
  await using _ = queue;
  queue.enqueue(A);
  queue.start();
  await drained(queue);
});

test('a database that cannot be written stops nothing: the upload is repeated when it can', async (t) => {
  const db = await openDatabase(t);
  let uploads = 0;
  const queue = new UploadQueue(
    db,
    async () => {
      uploads++;
      db.exec(`PRAGMA query_only = ${uploads === 1 ? 1 : 0}`);
    },
    SILENT,
  );
  await using _ = queue;
  queue.enqueue(A);
  queue.start();
  while (queue.status().lastError === undefined) await sleep(5);
  assert.match(queue.status().lastError ?? '', /readonly/);
  assert.equal(queue.status().waiting, 1);
  await drained(queue);
  assert.equal(uploads, 2);
});
