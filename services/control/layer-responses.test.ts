import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ControlClient,
  type BucketHistory,
  type GarbageEvent,
  type LayerEvent,
  type LayerFiles,
} from '@lade/control-protocol';
import { SILENT } from '@lade/log';
import { digestOf } from '@lade/oci';
import { serveControl, type ControlPlatform } from './index.ts';
import { assertFits } from './testing/contract.ts';

/*
 * What is answered of layers and of the bucket, held against the schemas of openapi.yaml.
 */
const DIFF_ID = digestOf('layer');
const TIME = '2026-11-27T01:02:03.004Z';
const FILES: LayerFiles[] = [
  { files: [{ path: 'bin/sh', offset: 0, sizeBytes: 9 }] },
  { files: [{ path: 'bin/ls', offset: 4096, sizeBytes: 1 }] },
];
const ACTIVITY: LayerEvent[] = [
  { kind: 'resident', chunks: [] },
  { kind: 'reads', seen: true },
  { kind: 'touched', chunks: [1] },
  { kind: 'evicted', chunks: [2] },
  { kind: 'waited', waits: 1, waitMs: 1.5 },
];
const COUNT = { keptObjects: 1, keptBytes: 2, garbageObjects: 1, garbageBytes: 5, youngObjects: 0 };
const GARBAGE: GarbageEvent[] = [
  { kind: 'listed', objects: 2 },
  { kind: 'garbage', key: 'packs/x', sizeBytes: 5 },
  { kind: 'collected', dryRun: true, ...COUNT },
];

const REQUESTS = { requests: [1, 2], errors: [0, 1], sentBytes: [3, 4], receivedBytes: [5, 6] };
const NO_BYTES = [0, 0];
const HISTORY: BucketHistory = {
  step: 'hour',
  since: 1_795_694_400,
  until: 1_795_780_801,
  at: [1_795_694_400, 1_795_780_800],
  requests: { read: REQUESTS, write: REQUESTS, list: REQUESTS, delete: REQUESTS },
  fills: { bucket: [7, 8], hot: NO_BYTES, copied: NO_BYTES, adopted: NO_BYTES, zero: NO_BYTES },
  waits: { reads: [9, 10], ms: [11, 12] },
  sizes: { at: [1_795_600_000], kinds: { packs: { objects: [3], bytes: [2 ** 40] } } },
};

function platform(asked: unknown[]): ControlPlatform {
  const layers: Partial<ControlPlatform> = {
    async layerMap(diffId) {
      return { diffId, blobBytes: 4096, chunkBytes: 'ABAAAA==', resident: 'AQ==' };
    },
    async *layerFiles() {
      yield* FILES;
    },
    async *layerActivity() {
      yield* ACTIVITY;
    },
    trace: async (diffId) => ({
      diffId,
      chunks: [{ number: 0, offset: 0, sizeBytes: 4096, path: 'bin/sh' }],
    }),
    snapshots: () => [{ key: 'k', kind: 'committed', diffId: DIFF_ID, createdAt: TIME }],
    metrics: async () => [{ name: 'm', type: 'gauge', help: 'M', samples: [{ value: 1 }] }],
    async collectGarbage(request: { readonly dryRun: boolean }) {
      asked.push(request);
      const found = [{ diffId: DIFF_ID, diskBytes: 5 }];
      return { ...request, askedContainerd: false, snapshots: 0, layers: found, waiting: found };
    },
    bucket: {
      contents: async () => ({ listedAt: TIME, kinds: [{ kind: 'packs', objects: 1, bytes: 5 }] }),
      history(query) {
        asked.push(query);
        return HISTORY;
      },
      async objects(page) {
        asked.push(page);
        return { objects: [{ key: 'packs/x', sizeBytes: 5, modifiedAt: TIME }], next: 'packs/x' };
      },
      async *collectGarbage(request) {
        asked.push(request);
        yield* GARBAGE;
      },
      removeImage: async (image) => void asked.push(image),
    },
  };
  return layers as ControlPlatform;
}

test('layers and the bucket are answered for as openapi.yaml says', async () => {
  const asked: unknown[] = [];
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-control-'));
  const socketPath = join(folder.path, 'c.sock');
  await using _ = await serveControl({ socketPath, platform: platform(asked), log: SILENT });
  using client = ControlClient.open(socketPath);

  assertFits('LayerMap', await client.layerMap(DIFF_ID));
  const files = await Array.fromAsync(client.layerFiles(DIFF_ID));
  assert.deepEqual(files, FILES);
  for (const some of files) assertFits('LayerFiles', some);
  const activity = await Array.fromAsync(client.layerActivity(DIFF_ID));
  assert.deepEqual(activity, ACTIVITY);
  for (const event of activity) assertFits('LayerEvent', event);
  assertFits('Trace', await client.trace(DIFF_ID));
  for (const snapshot of await client.snapshots()) assertFits('Snapshot', snapshot);
  await assert.rejects(client.layerMap('sha256:short'), { code: 'invalid_argument' });

  assertFits('NodeGarbage', await client.collectGarbage({ dryRun: true }));
  assert.deepEqual(asked.splice(0), [{ dryRun: true }]);
  await assert.rejects(client.collectGarbage({} as never), { code: 'invalid_argument' });

  assertFits('BucketContents', await client.bucket.contents());
  const { objects, next } = await client.bucket.objects({ prefix: 'packs/', after: 'packs/a' });
  for (const object of objects) assertFits('BucketObject', object);
  assert.equal(next, 'packs/x');
  const events = await Array.fromAsync(client.bucket.collectGarbage({ dryRun: true, graceDays: 1.5 }));
  assert.deepEqual(events, GARBAGE);
  for (const event of events) assertFits('GarbageEvent', event);
  await client.bucket.removeImage('docker.io/library/a b:1');
  assert.deepEqual(asked, [
    { prefix: 'packs/', after: 'packs/a' },
    { dryRun: true, graceDays: 1.5 },
    'docker.io/library/a b:1',
  ]);
  for (const wrong of [{}, { dryRun: 'no' }, { dryRun: true, graceDays: '7' }])
    await assert.rejects(Array.fromAsync(client.bucket.collectGarbage(wrong as never)), {
      code: 'invalid_argument',
    });
});

test("the bucket's history is answered for as openapi.yaml says", async () => {
  const asked: unknown[] = [];
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-control-'));
  const socketPath = join(folder.path, 'c.sock');
  await using _ = await serveControl({ socketPath, platform: platform(asked), log: SILENT });
  using client = ControlClient.open(socketPath);
  const history = await client.bucket.history({ step: 'hour', since: TIME });
  assertFits('BucketHistory', history);
  assert.deepEqual(history, HISTORY);
  await client.bucket.history();
  assert.deepEqual(asked, [
    { step: 'hour', since: new Date(TIME) },
    { step: 'minute', since: undefined },
  ]);
  for (const wrong of [
    { step: 'day' },
    { step: '' },
    { since: '2026' },
    { since: '1795780800' },
    { since: '' },
  ])
    await assert.rejects(client.bucket.history(wrong as never), { code: 'invalid_argument' });
});
