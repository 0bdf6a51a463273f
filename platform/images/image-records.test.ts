import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { SILENT, createLogger } from '@lade/log';
import { digestOf } from '@lade/oci';
import {
  BucketImages,
  imageKey,
  listImages,
  publishImage,
  readImageRecord,
  type KnownRecords,
} from './index.ts';
import { AMD64, ARM64, Content, NAME, failsWith } from './testing/content.ts';

test('readImageRecord() wants the exact name, and tells similar ones', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64);
  for (const name of [NAME, 'quay.io/other/thing:1'])
    await publishImage({ name, target }, { content, bucket });
  for (const form of ['python:3.12', 'library/python:3.12', 'python', 'docker.io/library/python:latest']) {
    await assert.rejects(
      readImageRecord(bucket, form),
      failsWith('not_found', /Cannot find image/, /know.*: docker.io\/library\/python:3.12$/),
    );
  }
  await assert.rejects(readImageRecord(bucket, 'nginx'), failsWith('not_found', /nginx/, /registry/));
  await assert.rejects(readImageRecord(bucket, ''), failsWith('invalid_argument', /name/));
  await assert.rejects(readImageRecord(bucket, '\uD800'), failsWith('invalid_argument', /name/));
});

test('damaged records are named, left out of lists, and replaced by the next publication', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64);
  const record = await publishImage({ name: NAME, target }, { content, bucket });
  const [manifest] = record.manifests;
  const damages = {
    'a:1': 'not json',
    'b:1': { ...record, version: 1 },
    'c:1': { ...record, version: 1, name: 'c:1', manifests: [] },
    'd:1': { ...record, version: 1, name: 'd:1', manifests: [{ ...manifest, chainIds: [digestOf('x')] }] },
    'e:1': { ...record, version: 1, name: 'e:1', manifests: [{ ...manifest, layers: [] }] },
    'f:1': { ...record, version: 1, name: 'f:1', target: { ...target, digest: 'sha512:1' } },
    'g:1': { ...record, version: 1, name: 'g:1', manifests: [{ ...manifest, platform: undefined }] },
  };
  for (const [name, value] of Object.entries(damages)) {
    await bucket.put(imageKey(name), Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
    await assert.rejects(
      readImageRecord(bucket, name),
      failsWith('data_loss', /refs\/images\/[a-g]%3A1/, /Remove/),
    );
  }
  await bucket.put(imageKey('h:1'), Buffer.from(JSON.stringify({ ...record, version: 2, name: 'h:1' })));
  await assert.rejects(readImageRecord(bucket, 'h:1'), failsWith('unimplemented', /version 2/));
  await bucket.put('refs/images/not%2fours', Buffer.from('{}'));
  const lines: string[] = [];
  assert.deepEqual(await listImages(bucket, { log: createLogger((line) => lines.push(line)) }), [record]);
  assert.equal(lines.length, Object.keys(damages).length + 2);
  await publishImage({ name: 'a:1', target }, { content, bucket });
  const names = (await listImages(bucket, { log: SILENT })).map(({ name }) => name);
  assert.deepEqual(names, ['a:1', NAME]);
});

test('images are listed anew when the list is too old, or this node has changed one', async () => {
  await using bucket = await openBucket('memory:');
  let lists = 0;
  const counted = new Proxy(bucket, {
    get(it, member) {
      if (member === 'list') lists++;
      const value: unknown = Reflect.get(it, member, it);
      return typeof value === 'function' ? (value.bind(it) as unknown) : value;
    },
  });
  const content = new Content();
  const target = content.addManifest(AMD64);
  const images = new BucketImages(counted, SILENT);
  const names = async (maxAgeMs: number) => (await images.list({ maxAgeMs })).map(({ name }) => name);
  assert.deepEqual(await names(60_000), []);
  await publishImage({ name: 'a:1', target }, { content, bucket });
  assert.deepEqual([await names(60_000), lists], [[], 1]);
  assert.deepEqual([await names(0), lists], [['a:1'], 2]);
  await bucket.delete([imageKey('a:1')]);
  images.changed();
  assert.deepEqual([await names(60_000), await names(60_000), lists], [[], [], 3]);
  // A list that was on its way while something changed is not remembered.
  const listing = images.list({ maxAgeMs: 0 });
  images.changed();
  await listing;
  await names(60_000);
  assert.equal(lists, 5);
});

test('a list that is made again reads only the records that are new, and forgets those that are gone', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64);
  for (const name of ['a:1', 'b:1']) await publishImage({ name, target }, { content, bucket });
  const read: string[] = [];
  const counted = new Proxy(bucket, {
    get(it, member) {
      if (member === 'get')
        return async (...args: Parameters<typeof bucket.get>) => {
          read.push(args[0]);
          return it.get(...args);
        };
      const value: unknown = Reflect.get(it, member, it);
      return typeof value === 'function' ? (value.bind(it) as unknown) : value;
    },
  });
  const known: KnownRecords = new Map();
  const list = async () => (await listImages(counted, { log: SILENT, known })).map(({ name }) => name);
  assert.deepEqual(await list(), ['a:1', 'b:1']);
  assert.deepEqual(read.splice(0), [imageKey('a:1'), imageKey('b:1')]);
  assert.deepEqual(await list(), ['a:1', 'b:1']);
  assert.deepEqual(read, []);
  await bucket.delete([imageKey('a:1')]);
  await publishImage({ name: 'b:1', target: content.addManifest(ARM64) }, { content, bucket });
  await publishImage({ name: 'c:1', target }, { content, bucket });
  assert.deepEqual(await list(), ['b:1', 'c:1']);
  assert.deepEqual(read, [imageKey('b:1'), imageKey('c:1')]);
  assert.deepEqual([...known.keys()], ['b:1', 'c:1']);
});
