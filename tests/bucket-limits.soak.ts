import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openBucket, type Bucket } from '@lade/bucket';
import { startObsStandIn, startS3StandIn } from '@lade/sandbox';
import { forEachConcurrently } from '@lade/streams';
import { standInUrl } from './testbed.ts';

/* A hundred thousand objects, listed by somebody who takes his time: all of them, once, in order, and never all of them in memory. */
const OBJECTS = 100_000;
const PAGE = 1000;
const AT_ONCE = 32;
/** A page or two with all that the parsing of it leaves; all objects would be several times that. */
const MAX_GROWTH_BYTES = 24 << 20;

const BUCKETS: Readonly<Record<string, (folder: string, stack: AsyncDisposableStack) => Promise<string>>> = {
  directory: async (folder) => `file://${folder}/bucket`,
  memory: async () => 'memory:',
  S3: async (folder, stack) => standInUrl(stack.use(await startS3StandIn(join(folder, 'store'))).address),
  OBS: async (folder, stack) => {
    const [accessKeyId, secretAccessKey] = ['some-key', 'some-secret'];
    const options = { folder: join(folder, 'store'), bucket: 'lade', accessKeyId, secretAccessKey };
    const { address } = stack.use(await startObsStandIn(options));
    const key = `access-key-id=${accessKeyId}&secret-access-key=${secretAccessKey}`;
    return `obs://lade?endpoint=http://localhost:${address.split(':')[1]}&${key}`;
  },
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** In the order of their bytes, in folders that hold anything from one to thousands. */
const KEYS = Array.from({ length: OBJECTS }, (_, i) => {
  const number = String(i).padStart(6, '0');
  return `layers/${number.slice(0, i % 5 === 0 ? 4 : 2)}/${number}`;
}).sort();

for (const [name, place] of Object.entries(BUCKETS)) {
  test(`the ${name} bucket lists ${OBJECTS} objects`, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-limits-')));
    await using bucket = await openBucket(await place(folder.path, stack));
    await forEachConcurrently(KEYS, AT_ONCE, async (key) => {
      await bucket.put(key, Buffer.from(key));
    });
    await listSlowly(bucket);
    for (const border of [PAGE - 1, PAGE, PAGE + 1, OBJECTS - PAGE, OBJECTS - 1])
      assert.equal(await firstAfter(bucket, KEYS[border - 1]), KEYS[border]);
    await bucket.delete(KEYS);
    assert.equal(await firstAfter(bucket, ''), undefined);
  });
}

/** Memory is looked at in the middle of every tenth page, when only what is held on to is left. */
async function listSlowly(bucket: Bucket): Promise<void> {
  const before = liveBytes();
  let grown = 0;
  let seen = 0;
  for await (const { key, sizeBytes } of bucket.list('')) {
    assert.deepEqual([key, sizeBytes], [KEYS[seen], key.length]);
    if (++seen % (10 * PAGE) === PAGE / 2) grown = Math.max(grown, liveBytes() - before);
  }
  assert.equal(seen, OBJECTS);
  assert.ok(grown < MAX_GROWTH_BYTES, `grew by ${grown} bytes`);
}

async function firstAfter(bucket: Bucket, startAfter = ''): Promise<string | undefined> {
  for await (const { key } of bucket.list('', { startAfter })) return key;
  return undefined;
}

function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
