import assert from 'node:assert/strict';
import { mkdir, mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { startObsStandIn } from '@lade/sandbox';
import { openTourBucket } from './tour-bucket.ts';

/** As a node of the tour does. */
async function useIt(url: string): Promise<void> {
  await using bucket = await openBucket(url);
  await bucket.put('layers/one', Buffer.from('here'));
  assert.deepEqual(
    (await Array.fromAsync(bucket.list(''))).map(({ key }) => key),
    ['layers/one'],
  );
}

test('a tour has a folder, a played store, or a prefix of its own in the bucket that is named', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-tour-test-'));
  for (const named of [undefined, 'obs', 's3']) {
    const place = join(folder.path, String(named));
    await mkdir(place);
    await using bucket = await openTourBucket(named, place);
    await useIt(bucket.url);
  }
});

test('what was in the bucket of a user stays there, and nothing else does', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-tour-test-'));
  const place = join(folder.path, 'a b');
  await mkdir(place);
  const key = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const objects = join(folder.path, 'store');
  await mkdir(objects);
  await using store = await startObsStandIn({ folder: objects, bucket: 'lade', ...key });
  const parameters = `endpoint=http://localhost:${store.address.split(':')[1]}&access-key-id=key&secret-access-key=secret`;
  for (const url of [`obs://lade/mine/?${parameters}`, `file://${place.replace(' ', '%20')}`]) {
    await using own = await openBucket(url);
    await own.put('kept', Buffer.from('here'));
    {
      await using bucket = await openTourBucket(url, folder.path);
      await useIt(bucket.url);
      assert.doesNotMatch(bucket.shown, /secret-access-key=secret/);
      const keys = (await Array.fromAsync(own.list(''))).map((object) => object.key);
      assert.match(keys.join(' '), /^kept lade-tour-[\da-f-]+\/layers\/one$/);
    }
    assert.deepEqual(
      (await Array.fromAsync(own.list(''))).map((object) => object.key),
      ['kept'],
    );
  }
  assert.doesNotMatch((await readdir(place)).join(), /lade-tour/);
});

test('a bucket that cannot be toured is refused before anything is installed', async () => {
  const refused = async (url: string): Promise<string> =>
    openTourBucket(url, '/nonexistent').then(
      () => assert.fail(url),
      (reason: unknown) => (isCodedError(reason) ? reason.code : String(reason)),
    );
  assert.equal(await refused('memory:'), 'invalid_argument');
  assert.equal(await refused('ftp://bucket'), 'invalid_argument');
  const nobody = 'endpoint=http://127.0.0.1:9&path-style=true&region=r&access-key-id=a&secret-access-key=b';
  assert.equal(await refused(`s3://bucket?${nobody}`), 'unavailable');
});
