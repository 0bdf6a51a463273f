import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, hexOf } from '@lade/oci';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { OWN_LAYERS, SHARED_LAYERS, assembleRelated } from './related-images.ts';
import { Testbed, inSteps, listObjects, needsRoot, readImage, waitUntil } from './testbed.ts';

/*
 * containerd keeps its content in our store, in place of the built-in one, and the bucket makes one registry cache of all nodes.
 */
const ANSWER = ['python3', '-c', 'print(6*7)'] as const;
const SHARED = ['--shared-content', 'on'] as const;

for (const version of ['1.7', '2.1'] as const) {
  test(`containerd ${version} with its content in Lade's store`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const built = await bed.image('python');
    const image = await readImage(built);
    const blobs = [image.restored.digest, image.config, ...image.layers];
    const bucketUrl = await bed.bucket('directory');
    const node = async (name: string, ...flags: string[]): Promise<LadeNode> =>
      bed.nodeWith(name, { bucketUrl, containerdVersion: version, flags, content: true });
    const first = await node('first');
    await using origin = await startOrigin([built.layout]);
    const reference = `${origin.address}/${built.name}`;

    await step('a pull stores every blob, and all of them go to the bucket', async () => {
      await first.containerd.pull(reference, { snapshotter: 'lade' });
      assert.equal(await first.run(reference, ...ANSWER), '42\n');
      assert.deepEqual(await listContent(first), blobs.toSorted());
      await first.ctr('content', 'fetch', '--plain-http', reference);
      const manifest = await first.ctr('content', 'get', image.restored.digest);
      assert.ok(manifest.includes(image.config));
      await first.uploaded();
      await first.publishes(reference);
      const stored = (await listObjects(bucketUrl)).map(({ key }) => key);
      for (const digest of blobs) assert.ok(stored.includes(`content/sha256/${hexOf(digest)}`), digest);
    });

    await step('a node that shares content takes no blob from the registry', async () => {
      const second = await node('second', ...SHARED);
      const before = origin.requests().length;
      await second.containerd.pull(reference, { snapshotter: 'lade' });
      assert.equal(await second.run(reference, ...ANSWER), '42\n');
      const fetched = origin
        .requests()
        .slice(before)
        .filter(({ method, bytes }) => method === 'GET' && bytes > 0);
      assert.deepEqual(fetched, []);
      // 2.1 skips layers that are snapshots already; 1.7 has them applied, and so read from the bucket.
      const read = version === '1.7' ? blobs : [image.restored.digest, image.config];
      const here = await readdir(join(second.root, 'content/blobs/sha256'));
      assert.deepEqual(here.toSorted(), read.map((digest) => hexOf(digest)).toSorted());
    });

    await step(
      'an image that is removed takes its content from the node, and nothing from the bucket',
      async () => {
        const before = await listObjects(bucketUrl);
        await first.ctr('images', 'remove', '--sync', reference);
        assert.deepEqual(await listContent(first), []);
        await waitUntil(
          'the files are gone',
          async () => (await readdir(join(first.root, 'content/blobs/sha256'))).length === 0,
        );
        assert.deepEqual(await listObjects(bucketUrl), before);
      },
    );

    await step('a download goes on after the daemon was killed', async () => {
      const fetch = ['content', 'fetch', '--plain-http', reference] as const;
      const fetching = first.containerd.ctr(...fetch);
      await sleep(150);
      await first.killDaemon();
      await first.startDaemon();
      await fetching; // well or not: it depends on the moment
      await first.ctr(...fetch);
      assert.deepEqual(await listContent(first), blobs.toSorted());
      const { stdout } = await first.containerd.ctr('content', 'get', image.config);
      assert.equal(digestOf(stdout), image.config);
    });
  });
}

const IMAGES = 10;

test('two nodes pull the same ten images at once: everything once', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const images = await assembleRelated(join(bed.folder, 'images'), IMAGES);
  const layouts = images.map(({ layout }) => layout);
  await using origin = await startOrigin(layouts);
  const bucketUrl = await bed.bucket('directory');
  const start = async (name: string): Promise<LadeNode> =>
    bed.nodeWith(name, { bucketUrl, containerdVersion: '2.1', flags: SHARED, content: true });
  const nodes = [await start('a'), await start('b')];
  const references = images.map(({ name }) => `${origin.address}/${name}`);
  await Promise.all(
    nodes.flatMap((node) =>
      references.map(async (reference) => node.containerd.pull(reference, { snapshotter: 'lade' })),
    ),
  );
  for (const node of nodes) await node.uploaded();
  const sizes = origin.bytesByDigest();
  for (const layout of layouts) {
    for (const digest of (await readImage({ layout })).layers) {
      const gets = origin.requests().filter((request) => request.digest === digest && request.bytes > 0);
      assert.equal(gets.length, 1, `${digest}: ${gets.length} times, ${sizes.get(digest)} bytes`);
    }
  }
  const keys = (await listObjects(bucketUrl)).map(({ key }) => key);
  const layers = keys.filter((key) => key.startsWith('layers/'));
  assert.equal(layers.length, SHARED_LAYERS + OWN_LAYERS * IMAGES);
  assert.deepEqual(await repeatedChunks(bucketUrl), []);
});

async function listContent(node: LadeNode): Promise<string[]> {
  const lines = (await node.ctr('content', 'list', '--quiet')).split('\n');
  return lines.filter((line) => line !== '').toSorted();
}

const FOOTER_BYTES = 48;
const ENTRY_BYTES = 44;

/** Hashes of chunks that more than one pack has, or one pack twice (docs/reference/layer-format.md). */
async function repeatedChunks(bucketUrl: string): Promise<string[]> {
  const folder = new URL('packs/sha256', `${bucketUrl}/`);
  const counts = new Map<string, number>();
  for (const name of await readdir(folder)) {
    const pack = await readFile(new URL(`sha256/${name}`, folder));
    const entries = pack.readUInt32LE(pack.byteLength - FOOTER_BYTES + 32);
    const table = pack.subarray(-FOOTER_BYTES - entries * ENTRY_BYTES);
    for (let i = 0; i < entries; i++) {
      const hash = table.toString('hex', i * ENTRY_BYTES, i * ENTRY_BYTES + 32);
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
  }
  assert.ok(counts.size > 0);
  return [...counts].filter(([, count]) => count > 1).map(([hash]) => hash);
}
