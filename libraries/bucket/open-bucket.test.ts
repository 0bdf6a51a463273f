import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isCodedError } from '@lade/errors';
import { openBucket } from './index.ts';

test('openBucket() opens a folder, whatever its name', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'lade-bucket-'));
  t.after(async () => rm(parent, { recursive: true }));
  const url = pathToFileURL(join(parent, 'a b%#?')).href;
  await using bucket = await openBucket(`${url}/`);
  assert.equal(bucket.location, url);
  assert.deepEqual(await readdir(parent), ['a b%#?']);
});

test('openBucket() opens memory and S3 without asking anybody', async () => {
  await using memory = await openBucket('memory:');
  assert.equal(memory.location, 'memory:');
  const parameters =
    'endpoint=http://127.0.0.1:1&path-style=true&access-key-id=a&secret-access-key=s&region=r';
  await using s3 = await openBucket(`s3://My.bucket-1/some%20/prefix/?${parameters}`);
  assert.equal(s3.location, 's3://My.bucket-1/some /prefix/');
});

const BAD_URLS = [
  '',
  'bucket',
  '/folder',
  'http://host/bucket',
  'file:',
  'file:///',
  'file://host/folder',
  'file:///folder?x=y',
  'file:///folder#x',
  'file:///%zz',
  's3:',
  's3:///prefix',
  's3://bucket:9000/prefix',
  's3://user:hidden@bucket/prefix',
  's3://bucket/a//b',
  's3://bucket/%2e%2e/b%0a',
  's3://bucket/%zz',
  's3://bucket/p#x',
  's3://bucket?endpoint=127.0.0.1:9000',
  's3://bucket?endpoint=ftp://host',
  's3://bucket?path-style=yes',
  's3://bucket?colour=blue',
  's3://bucket?storage-class=DEEP_ARCHIVE',
  's3://bucket?encryption=obs',
  's3://bucket?encryption=s3&kms-key-id=k',
  's3://bucket?proxy=host',
  's3://bucket?access-key-id=a',
  's3://bucket?secret-access-key=hidden',
  's3://bucket?session-token=hidden',
  's3://bucket?credentials-file=/f&credentials-command=c',
  's3://bucket?credentials-file=/f&access-key-id=a&secret-access-key=hidden',
  's3://bucket?agency=a',
  's3://bucket?max-connections=0',
  'obs://bucket?region=r&max-connections=many',
  'obs://bucket',
  'obs://bucket?region=r&agency=a',
  'obs://bucket?region=r&signature=v1',
  'obs://bucket?region=r&signature=obs&path-style=true',
  'obs://bucket?region=r&path-style=true&custom-domain=true',
  'obs://bucket?region=r&storage-class=COLD',
  'obs://bucket?region=r&encryption=obs&kms-key-id=k',
  'obs://bucket?endpoint=http://[::1]:9000',
  'obs://bucket?endpoint=https://host/path',
];

for (const url of BAD_URLS) {
  test(`openBucket() refuses ${JSON.stringify(url)}`, async () => {
    await assert.rejects(openBucket(url), (reason: unknown) => {
      assert.ok(isCodedError(reason, 'invalid_argument'), String(reason));
      assert.ok(!reason.message.includes('hidden'));
      assert.ok(reason.cure);
      return true;
    });
  });
}
