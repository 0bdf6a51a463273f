import assert from 'node:assert/strict';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { MEDIA_TYPES, digestOf } from '@lade/oci';
import { blobPath } from './images/layer-writer.ts';
import { startOrigin } from './origin.ts';

const BLOB = '0123456789';
const MANIFEST = '{"schemaVersion":2}';

async function plantLayout(layout: string): Promise<void> {
  for (const text of [BLOB, MANIFEST]) {
    const path = blobPath(layout, digestOf(text));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const annotations = { 'org.opencontainers.image.ref.name': 'team/app:1.0' };
  const manifests = [
    { mediaType: MEDIA_TYPES.manifest, digest: digestOf(MANIFEST), size: MANIFEST.length, annotations },
  ];
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

test('startOrigin() serves manifests by tag and digest, and blobs with ranges, and counts', async () => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-origin-'));
  await plantLayout(place.path);
  await using origin = await startOrigin([place.path]);
  const get = async (path: string, range?: string, method = 'GET'): Promise<[number, string, Headers]> => {
    const headers = range === undefined ? {} : { range };
    const response = await fetch(`http://${origin.address}/v2/${path}`, { method, headers });
    return [response.status, await response.text(), response.headers];
  };
  const digest = digestOf(BLOB);
  assert.equal((await get(''))[0], 200);
  const [status, text, headers] = await get('team/app/manifests/1.0');
  assert.deepEqual([status, text], [200, MANIFEST]);
  assert.equal(headers.get('content-type'), MEDIA_TYPES.manifest);
  assert.equal(headers.get('docker-content-digest'), digestOf(MANIFEST));
  assert.equal((await get(`team/app/manifests/${digestOf(MANIFEST)}`))[1], MANIFEST);
  assert.deepEqual((await get('team/app/manifests/2.0')).slice(0, 1), [404]);
  assert.deepEqual((await get(`team/app/blobs/${digestOf('none')}`)).slice(0, 1), [404]);
  assert.deepEqual((await get('team/app/blobs/../../index.json')).slice(0, 1), [404]);
  assert.equal(origin.bytesByDigest().get(digest), undefined);

  const blob = `team/app/blobs/${digest}`;
  assert.deepEqual((await get(blob)).slice(0, 2), [200, BLOB]);
  assert.deepEqual((await get(blob, 'bytes=2-4')).slice(0, 2), [206, '234']);
  assert.deepEqual((await get(blob, 'bytes=7-')).slice(0, 2), [206, '789']);
  assert.deepEqual((await get(blob, 'bytes=-1')).slice(0, 2), [206, '9']);
  assert.deepEqual((await get(blob, 'bytes=10-')).slice(0, 1), [416]);
  const [headStatus, , head] = await get(blob, undefined, 'HEAD');
  assert.deepEqual([headStatus, head.get('content-length')], [200, '10']);
  assert.equal((await get(blob, undefined, 'DELETE'))[0], 405);
  assert.equal(origin.bytesByDigest().get(digest), 10 + 3 + 3 + 1);
  assert.equal(origin.requests().filter((request) => request.digest === digest).length, 7);
});
