import assert from 'node:assert/strict';
import { existsSync, readdirSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { SILENT } from '@lade/log';
import { openDatabase } from '@lade/sqlite';
import { RunningDigest, type ContentDigest } from './content-digest.ts';
import { contentKey } from './content-key.ts';
import type { ContentLimit } from './content-quota.ts';
import { openContent, type Content } from './open-content.ts';
import { readFile as readRange } from './read-file.ts';

const BYTES = Buffer.from('some content');
const DIGEST = digestOf(BYTES);

function digestOf(bytes: Uint8Array): ContentDigest {
  const digest = new RunningDigest('sha256');
  digest.update(bytes);
  return digest.value();
}

async function openRoot(t: TestContext): Promise<string> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-content-'));
  t.after(async () => folder.remove());
  return folder.path;
}

interface Node extends AsyncDisposable {
  readonly content: Content;
  readonly root: string;
}

/** A node's content with its database; another one of the same root is what a restart makes of it. */
async function openNode(
  root: string,
  bucket: Bucket,
  sharedAs?: string,
  limit?: ContentLimit,
): Promise<Node> {
  await using stack = new AsyncDisposableStack();
  const db = stack.adopt(openDatabase(join(root, 'state.db')), (opened) => opened.close());
  const content = stack.use(
    await openContent({ root, db, bucket, log: SILENT, sharedAs, limit, turn: async () => {} }),
  );
  const owned = stack.move();
  return { content, root, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

async function put({ content }: Node, ref: string, bytes: Uint8Array): Promise<void> {
  await using writer = await content.ingests.open({ ref, total: 0, expected: undefined });
  await writer.write(bytes);
  await writer.commit({ sizeBytes: 0, expected: undefined, labels: {} });
}

async function get({ content }: Node, digest: ContentDigest = DIGEST): Promise<string> {
  using blob = await content.store.open(digest);
  return Buffer.concat(await Array.fromAsync(readRange(blob.file, 0, blob.sizeBytes))).toString();
}

async function uploaded({ content }: Node): Promise<void> {
  content.start();
  while (content.uploads().waiting > 0) await sleep(2);
}

async function exists(bucket: Bucket, key: string): Promise<boolean> {
  return bucket.head(key).then(
    () => true,
    () => false,
  );
}

const file = (root: string, digest: ContentDigest): string =>
  join(root, 'content/blobs', digest.replace(':', '/'));

test('what was committed is there after a restart, and goes to the bucket', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  {
    await using node = await openNode(root, bucket);
    await put(node, 'r', BYTES);
    assert.deepEqual(node.content.uploads(), { waiting: 1, lastError: undefined });
  }
  await using node = await openNode(root, bucket);
  assert.equal(await get(node), 'some content');
  await uploaded(node);
  assert.ok(await exists(bucket, contentKey(DIGEST)));
});

test('a start removes files that no row speaks of, and keeps ingests', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  {
    await using node = await openNode(root, bucket);
    await using writer = await node.content.ingests.open({ ref: 'r', total: 99, expected: undefined });
    await writer.write(BYTES);
  }
  writeFileSync(file(root, digestOf(Buffer.from('x'))), 'a crash came before the row');
  writeFileSync(join(root, 'content/ingests/77'), 'a crash came before the row');
  await using node = await openNode(root, bucket);
  assert.deepEqual(readdirSync(join(root, 'content/blobs/sha256')), []);
  assert.deepEqual(readdirSync(join(root, 'content/ingests')), ['1']);
  await using writer = await node.content.ingests.open({ ref: 'r', total: 99, expected: undefined });
  assert.equal(writer.status.offset, BYTES.byteLength);
  assert.equal(writer.digest(), DIGEST);
});

test('an ingest whose file was lost, or that has another total, begins anew', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  await using node = await openNode(root, bucket);
  const offsetOf = async (total: number): Promise<number> => {
    await using writer = await node.content.ingests.open({ ref: 'r', total, expected: undefined });
    const { offset } = writer.status;
    await writer.write(BYTES);
    return offset;
  };
  assert.deepEqual([await offsetOf(50), await offsetOf(50), await offsetOf(60)], [0, 12, 0]);
  unlinkSync(join(root, 'content/ingests/1'));
  assert.equal(node.content.ingests.status('r').offset, 0);
  assert.equal(await offsetOf(60), 0);
});

test('content that is deleted before its upload is uploaded nevertheless, then its file goes', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  await using node = await openNode(root, bucket);
  await put(node, 'r', BYTES);
  node.content.store.delete(DIGEST);
  assert.throws(
    () => node.content.store.info(DIGEST),
    (e) => isCodedError(e, 'not_found'),
  );
  assert.deepEqual([...node.content.store.walk([])], []);
  assert.equal(await readFile(file(root, DIGEST), 'utf8'), 'some content');
  await uploaded(node);
  await assert.rejects(readFile(file(root, DIGEST)));
  await put(node, 'again', BYTES);
  assert.equal(await get(node), 'some content');
});

test('content whose file was lost or cut comes back from the bucket, checked', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  {
    await using node = await openNode(root, bucket);
    await put(node, 'r', BYTES);
    await uploaded(node);
    truncateSync(file(root, DIGEST), 3);
    assert.equal(await get(node), 'some content');
  }
  unlinkSync(file(root, DIGEST));
  await using node = await openNode(root, bucket);
  await bucket.put(contentKey(DIGEST), Buffer.from('other content'));
  await assert.rejects(
    get(node),
    (e) => isCodedError(e, 'data_loss') && e.message.includes(contentKey(DIGEST)),
  );
  assert.deepEqual(readdirSync(join(root, 'content/fetches')), []);
  await bucket.delete([contentKey(DIGEST)]);
  await assert.rejects(get(node), (e) => isCodedError(e, 'data_loss') && e.cure !== undefined);
});

test('what has changed on the disk does not reach the bucket', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  await using node = await openNode(root, bucket);
  await put(node, 'r', BYTES);
  writeFileSync(file(root, DIGEST), 'SOME CONTENT');
  await uploaded(node);
  assert.match(node.content.uploads().lastError ?? '', /digest/);
  assert.ok(!(await exists(bucket, contentKey(DIGEST))));
});

test('an object that was found damaged is replaced by whoever has the bytes', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  await bucket.put(contentKey(DIGEST), Buffer.from('SOME CONTENT'));
  await using node = await openNode(root, bucket, 'node');
  while (!isPresent(node)) await sleep(1);
  await assert.rejects(get(node), (e) => isCodedError(e, 'data_loss'));
  assert.ok(!isPresent(node));
  await put(node, `layer-${DIGEST}`, BYTES);
  await uploaded(node);
  const { body } = await bucket.get(contentKey(DIGEST));
  assert.equal(Buffer.concat(await Array.fromAsync(body)).toString(), 'some content');
});

function isPresent({ content }: Node, digest: ContentDigest = DIGEST): boolean {
  try {
    return content.store.info(digest).sizeBytes > 0;
  } catch {
    return false;
  }
}

test('what the bucket has lost meanwhile is not present any more once somebody has missed it', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  await bucket.put(contentKey(DIGEST), BYTES);
  await using node = await openNode(root, bucket, 'node');
  while (!isPresent(node)) await sleep(1);
  await bucket.delete([contentKey(DIGEST)]);
  await assert.rejects(get(node), (e) => isCodedError(e, 'data_loss') && e.cure !== undefined);
  assert.ok(!isPresent(node));
  await put(node, `layer-${DIGEST}`, BYTES);
  assert.equal(await get(node), 'some content');
});

test('an ingest that is aborted while it is being opened leaves nothing, and cannot be committed', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  await using node = await openNode(root, bucket);
  const { ingests } = node.content;
  {
    const opening = ingests.open({ ref: 'r', total: 0, expected: undefined });
    ingests.abort('r');
    await using writer = await opening;
    await writer.write(BYTES);
    const request = { sizeBytes: 0, expected: undefined, labels: {} };
    await assert.rejects(writer.commit(request), (e) => isCodedError(e, 'aborted'));
  }
  assert.deepEqual(readdirSync(join(root, 'content/ingests')), []);
  await put(node, 'r', BYTES);
});

/** As containerd's content.OpenWriter does it: again and again while the ref is unavailable. */
async function bring(node: Node, ref: string, digest: ContentDigest): Promise<'written' | 'present'> {
  for (;;) {
    if (isPresent(node, digest)) return 'present';
    try {
      await put(node, ref, BYTES);
      return 'written';
    } catch (reason) {
      if (!isCodedError(reason, 'unavailable')) throw reason;
    }
    await sleep(5);
  }
}

test('of nodes that share content one brings a blob, and all have it', async (t) => {
  const bucket = await openBucket('memory:');
  await using a = await openNode(await openRoot(t), bucket, 'a');
  await using b = await openNode(await openRoot(t), bucket, 'b');
  a.content.start();
  b.content.start();
  const ref = `default/7/layer-${DIGEST}`;
  const ways = await Promise.all([bring(a, ref, DIGEST), bring(b, ref, DIGEST)]);
  assert.deepEqual(ways.toSorted(), ['present', 'written']);
  assert.deepEqual([await get(a), await get(b)], ['some content', 'some content']);
  const listed = [...a.content.store.walk([]), ...b.content.store.walk([])];
  assert.deepEqual(
    listed.map(({ digest }) => digest),
    [DIGEST, DIGEST],
  );
  while ((await Array.fromAsync(bucket.list('refs/'))).length > 0) await sleep(2);
});

test('a blob that its node gives up on is brought by the one that waits', async (t) => {
  const bucket = await openBucket('memory:');
  await using a = await openNode(await openRoot(t), bucket, 'a');
  await using b = await openNode(await openRoot(t), bucket, 'b');
  b.content.start();
  const ref = `layer-${DIGEST}`;
  let waits = true;
  while (waits) {
    try {
      await using _ = await a.content.ingests.open({ ref, total: 0, expected: undefined });
      const waiting = bring(b, ref, DIGEST);
      await sleep(50);
      assert.ok(!isPresent(b));
      waits = false;
      a.content.ingests.abort(ref);
      assert.equal(await waiting, 'written');
    } catch (reason) {
      if (!isCodedError(reason, 'unavailable')) throw reason;
      await sleep(5);
    }
  }
});

test('a bucket in trouble keeps nobody from bringing content', async (t) => {
  const bucket = await openBucket('memory:');
  const broken = Object.assign(Object.create(bucket) as Bucket, {
    head: async () => Promise.reject(new Error('down')),
  });
  await using node = await openNode(await openRoot(t), broken, 'a');
  assert.equal(await bring(node, `layer-${DIGEST}`, DIGEST), 'written');
});

test('above the limit, what nobody has read for longest goes, and comes back from the bucket', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  const blobs = [1, 2, 3].map((seed) => Buffer.alloc(100_000, seed));
  const [oldest, used, newest] = blobs.map(digestOf) as [ContentDigest, ContentDigest, ContentDigest];
  {
    await using node = await openNode(root, bucket);
    for (const [i, bytes] of [...blobs, BYTES].entries()) await put(node, `r${i}`, bytes);
    await uploaded(node);
  }
  // Times of files tell more than the order in which they were written here.
  for (const [i, digest] of [oldest, used, newest, DIGEST].entries()) utimesSync(file(root, digest), i, i);
  await using node = await openNode(root, bucket, undefined, { limitBytes: 250_000, restMs: 50 });
  await get(node, used);
  node.content.start();
  while (existsSync(file(root, oldest))) await sleep(2);
  assert.deepEqual(
    [used, newest, DIGEST].map((digest) => existsSync(file(root, digest))),
    [true, true, true],
  );
  assert.ok(await exists(bucket, contentKey(oldest)));
  assert.equal(await get(node, oldest), blobs[0]?.toString());
  while (existsSync(file(root, newest))) await sleep(2);
  assert.equal([...node.content.store.walk([])].length, 4);
});

test('what the bucket may lack stays, whatever the limit', async (t) => {
  const [root, bucket] = [await openRoot(t), await openBucket('memory:')];
  const bytes = Buffer.alloc(100_000, 7);
  const digest = digestOf(bytes);
  const full: Bucket = {
    ...bucket,
    location: bucket.location,
    put: async () => Promise.reject(new CodedError('resource_exhausted', 'the bucket is full')),
    [Symbol.asyncDispose]: async () => {},
  };
  await using node = await openNode(root, full, undefined, { limitBytes: 0, restMs: 0 });
  await put(node, 'r', bytes);
  node.content.start();
  while (node.content.uploads().lastError === undefined) await sleep(2);
  await sleep(20);
  assert.ok(existsSync(file(root, digest)));
});
