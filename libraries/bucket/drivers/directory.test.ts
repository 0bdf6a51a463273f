import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { lockFile } from '@lade/linux';
import { collectBytes } from '@lade/streams';
import { describeBucketConformance } from '../conformance.ts';
import { openDirectoryBucket } from './directory.ts';

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-bucket-'));
  t.after(async () => rm(folder, { recursive: true }));
  return folder;
}

describeBucketConformance('the directory bucket', async (t) => openDirectoryBucket(await temporaryFolder(t)));

test('a put leaves no temporary file, whatever comes of it', async (t) => {
  const folder = await temporaryFolder(t);
  const bucket = await openDirectoryBucket(folder);
  await bucket.put('k', Buffer.from('x'));
  await assert.rejects(bucket.put('k', Buffer.from('x'), { condition: { absent: true } }));
  await assert.rejects(bucket.put('k', Buffer.from('x'), { sizeBytes: 2 }));
  assert.deepEqual(await readdir(join(folder, '.tmp')), []);
});

test('opening removes temporary files of a day ago, and no others', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, '.tmp'));
  await writeFile(join(folder, '.tmp/old'), '');
  await writeFile(join(folder, '.tmp/young'), '');
  await utimes(join(folder, '.tmp/old'), 0, 0);
  await openDirectoryBucket(folder);
  assert.deepEqual(await readdir(join(folder, '.tmp')), ['young']);
});

test('the same bytes put again and again have versions of their own', async (t) => {
  const bucket = await openDirectoryBucket(await temporaryFolder(t));
  const versions = new Set<string>();
  for (let i = 0; i < 50; i++) versions.add((await bucket.put('k', Buffer.from('x'))).version);
  assert.equal(versions.size, 50);
});

test('a folder that is gone is no empty bucket', async (t) => {
  const folder = join(await temporaryFolder(t), 'bucket');
  const bucket = await openDirectoryBucket(folder);
  await bucket.put('a/k', Buffer.from('x'));
  await rename(folder, `${folder}.away`);
  const attempts = {
    get: async () => bucket.get('a/k'),
    head: async () => bucket.head('a/k'),
    list: async () => Array.fromAsync(bucket.list('')),
    put: async () => bucket.put('a/k', Buffer.from('y')),
    delete: async () => bucket.delete(['a/k']),
    'put on a condition': async () => bucket.put('a/k', Buffer.from('y'), { condition: { absent: true } }),
  };
  for (const [name, attempt] of Object.entries(attempts))
    await assert.rejects(attempt(), /: the folder of the bucket is gone$/, name);
  await rename(`${folder}.away`, folder);
  assert.equal((await bucket.head('a/k')).sizeBytes, 1);
});

test('two openings of one folder share its conditions', async (t) => {
  const folder = await temporaryFolder(t);
  const buckets = [await openDirectoryBucket(folder), await openDirectoryBucket(folder)];
  const puts = buckets.map(async (bucket) =>
    bucket.put('k', Buffer.from('x'), { condition: { absent: true } }),
  );
  const states = (await Promise.allSettled(puts)).map(({ status }) => status);
  assert.deepEqual(states.sort(), ['fulfilled', 'rejected']);
});

test('a put that waits for another process ends with its signal', async (t) => {
  const folder = await temporaryFolder(t);
  const bucket = await openDirectoryBucket(folder);
  using _held = lockFile(join(folder, '.lock'));
  const put = bucket.put('k', Buffer.from('x'), { signal: AbortSignal.timeout(50) });
  await assert.rejects(put, { name: 'TimeoutError' });
  assert.deepEqual(await readdir(join(folder, '.tmp')), []);
});

test('a large object replaced before it was read is aborted, not mixed', async (t) => {
  const bucket = await openDirectoryBucket(await temporaryFolder(t));
  await bucket.put('k', Buffer.alloc(2 << 20, 1));
  const { body } = await bucket.get('k');
  await bucket.put('k', Buffer.alloc(2 << 20, 2));
  await assert.rejects(collectBytes(body, 2 << 20), (reason) => isCodedError(reason, 'aborted'));
});

test('a key below another, and a name too long for the disk, are refused as what they are', async (t) => {
  const bucket = await openDirectoryBucket(await temporaryFolder(t));
  await bucket.put('a', Buffer.from('x'));
  const below = bucket.put('a/b', Buffer.from('x'));
  await assert.rejects(below, (reason) => isCodedError(reason, 'failed_precondition'));
  const long = bucket.put('n'.repeat(300), Buffer.from('x'));
  await assert.rejects(long, (reason) => isCodedError(reason, 'invalid_argument'));
});

test('a folder that cannot be made is refused with a cure', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  await assert.rejects(openDirectoryBucket(join(file, 'below')), (reason: unknown) => {
    assert.ok(isCodedError(reason));
    assert.ok(reason.message.startsWith(`Cannot open bucket ${file}/below: `));
    assert.match(reason.cure ?? '', /written to/);
    return true;
  });
});
