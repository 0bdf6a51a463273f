import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startObsStandIn, startOrigin, type ObsAction } from '@lade/sandbox';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { View, layersOf, statusOf } from './on-demand-site.ts';
import { Testbed, needsRoot, waitUntil } from './testbed.ts';

/* A node whose credentials only read: it starts what others have published, converts what they have not, and keeps that waiting. */
const KEY = { accessKeyId: 'key', secretAccessKey: 'secret' };
const READS: readonly ObsAction[] = ['GetObject', 'ListBucket'];
const LARGE_BYTES = 3_000_000;
const IMAGES = { published: 1, new: 2 } as const;

test('a node that may only read', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  const layers = Object.entries(IMAGES).map(([name, seed]) => [
    `${name}:latest`,
    [gzipLayer(soundTar(seed, LARGE_BYTES))],
  ]);
  await writeLayout(layout, Object.fromEntries(layers));
  await using origin = await startOrigin([layout]);
  const referenceOf = (name: keyof typeof IMAGES): string => `${origin.address}/${name}:latest`;
  let isReadOnly = false;
  const forbids = (action: ObsAction): boolean => isReadOnly && !READS.includes(action);
  await using store = await startObsStandIn({
    folder: await bed.makeFolder('store'),
    bucket: 'lade',
    ...KEY,
    forbids,
  });
  const keys = `access-key-id=${KEY.accessKeyId}&secret-access-key=${KEY.secretAccessKey}`;
  const bucketUrl = `obs://lade/below?endpoint=http://localhost:${store.address.split(':')[1]}&${keys}`;
  const publisher = await bed.node('publisher', bucketUrl, '2.1');
  await publisher.containerd.pull(referenceOf('published'), { snapshotter: 'lade' });
  await publisher.publishes(referenceOf('published'));
  await publisher.uploaded();
  await publisher[Symbol.asyncDispose]();
  isReadOnly = true;
  const node = await bed.node('reader', bucketUrl, '2.1');
  const assertReads = async (name: keyof typeof IMAGES): Promise<void> => {
    const image = { reference: referenceOf(name), large: new Map([[IMAGES[name], LARGE_BYTES]]) };
    await using view = await View.open(bed, node, image);
    await view.assertAllReads();
  };

  await t.test('starts what is published from the bucket', async () => {
    await node.ladeOrThrow('pull', referenceOf('published'));
    await assertReads('published');
    assert.deepEqual(
      (await layersOf(node)).map(({ origin: from }) => from),
      ['fetched'],
    );
  });

  await t.test('pulls what is not from the registry, and says that it waits and why', async () => {
    await node.containerd.pull(referenceOf('new'), { snapshotter: 'lade' });
    await assertReads('new');
    await waitUntil('the upload has been refused', async () => {
      const { waiting, lastError = '' } = (await statusOf(node)).uploads;
      return waiting === 1 && /in obs:\/\/lade\/below\/: Access Denied/.test(lastError);
    });
  });

  await t.test('publishes it as soon as it may', async () => {
    isReadOnly = false;
    await node.uploaded();
    await node.publishes(referenceOf('new'));
  });
});
