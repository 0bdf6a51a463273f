import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LayerSummary } from '@lade/control-protocol';
import { startOrigin, startS3StandIn } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { sampleAllocated, sizesOfLayers } from './allocated-layers.ts';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { noise } from './noise.ts';
import { Testbed, needsRoot, standInUrl, waitUntil } from './testbed.ts';
import { openLink } from './unsteady-link.ts';

/*
 * A cache that is smaller than what is read: every reader gets the right bytes, the disk holds no more than it may, and
 * what the bucket does not have stays.
 */
const READERS = ['read', 'mmap', 'disk', 'read'] as const;
const CHUNK_BYTES = 1 << 20;
const DROP_EVERY_MS = 300;

test('a cache of a third of the working set', { ...needsRoot, concurrency: true }, async (t) => {
  await using bed = await Testbed.open(t);
  const bucketUrl = await bed.bucket('directory');
  const { reference, tree, rawBytes } = await publishTree(bed, bucketUrl);
  const limitBytes = Math.floor(rawBytes / 3);
  t.diagnostic(`${rawBytes} bytes, ${limitBytes} in the cache`);

  // Most of it is waiting, so all go at once.
  const cases = [
    ['fuse', true],
    ['fanotify', false],
  ] as const;
  const enough = cases.map(async ([fill, isShuffled]) =>
    t.test(`${fill}: readers of every kind get the right bytes`, async (t) => {
      const node = await bed.node(fill, bucketUrl, '2.1', flagsOf(fill, limitBytes));
      await node.ladeOrThrow('pull', reference);
      using samples = sampleAllocated(node.root);
      await whileCachesAreDropped(async () => {
        const seen = await Promise.all(
          READERS.map(async (how, i) => readTree(node, reference, [how, isShuffled ? i + 1 : 0, 1])),
        );
        assert.deepEqual(new Set(seen.flat()), new Set([tree]));
      });
      const most = samples.most();
      t.diagnostic(`at most ${most} bytes on disk in ${samples.count()} samples`);
      assert.ok(samples.count() > 50);
      assert.ok(most <= limitBytes + READERS.length * CHUNK_BYTES, `${most} bytes of ${limitBytes}`);
      assert.ok((await messages(node, 'cache reduced')) > 1);
      await assertHonest(node);
    }),
  );
  const tooSmall = cases.map(async ([fill]) =>
    t.test(`${fill}: the smallest one is no dead end`, async () => {
      const node = await bed.node(`small-${fill}`, bucketUrl, '2.1', flagsOf(fill, 16 << 20));
      await node.ladeOrThrow('pull', reference);
      assert.equal(await node.run(reference, 'python3', '-c', 'import json; print(6*7)'), '42\n');
      await assertHonest(node);
    }),
  );
  await Promise.all([...enough, ...tooSmall]);
});

test('what the bucket has not confirmed stays, until it has', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  const layout = await bed.makeFolder('layout');
  const [large, limitBytes] = [12_000_000, 16 << 20];
  await writeLayout(layout, { 'app:latest': [1, 2].map((seed) => gzipLayer(soundTar(seed, large))) });
  await using origin = await startOrigin([layout]);
  const reference = `${origin.address}/app:latest`;
  await using store = await startS3StandIn(await bed.makeFolder('store'));
  await using link = await openLink(`http://${store.address}`);
  const bucketUrl = standInUrl(new URL(link.endpoint).host);
  for (const fill of ['fanotify', 'fuse'] as const) {
    await t.test(fill, async () => {
      link.cut();
      const node = await bed.node(fill, bucketUrl, '2.1', flagsOf(fill, limitBytes));
      await node.containerd.pull(reference, { snapshotter: 'lade' });
      const folder = await bed.makeFolder(`${fill}-look`);
      await node.ctr('images', 'mount', '--snapshotter', 'lade', reference, folder);
      try {
        const look = async (): Promise<void> => {
          await dropCaches();
          for (const seed of [1, 2])
            assert.ok((await readFile(join(folder, `usr/large-${seed}`))).equals(noise(String(seed), large)));
        };
        await look();
        await node.stopDaemon();
        await node.startDaemon();
        await look();
        assert.ok((await allocated(node)) >= 2 * large);
        link.repair();
        await node.uploaded();
        await waitUntil('the cache is within its limit', async () => (await allocated(node)) <= limitBytes);
        await look();
        assert.ok((await allocated(node)) <= limitBytes + CHUNK_BYTES);
        await assertHonest(node);
      } finally {
        await node.ctr('images', 'unmount', '--rm', '--snapshotter', 'lade', folder);
      }
    });
  }
});

function flagsOf(fill: string, limitBytes: number): readonly string[] {
  return ['--fill', fill, '--cache-size', `${limitBytes}`];
}

/** An image in a bucket, what its tree hashes to where nothing is on demand, and how many bytes its layers have. */
async function publishTree(
  bed: Testbed,
  bucketUrl: string,
): Promise<{ readonly reference: string; readonly tree: string; readonly rawBytes: number }> {
  const image = await bed.image('python');
  await using origin = await startOrigin([image.layout]);
  const reference = `${origin.address}/${image.name}`;
  const node = await bed.node('publisher', bucketUrl, '2.1', ['--fill', 'full']);
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  const [tree = ''] = await readTree(node, reference, ['read', 0, 1]);
  await node.uploaded();
  await node.publishes(reference);
  const layers = await listLayers(node);
  await node[Symbol.asyncDispose]();
  return { reference, tree, rawBytes: layers.reduce((sum, { blobBytes }) => sum + blobBytes, 0) };
}

/** One line a round: the number of files, and a hash of all. */
async function readTree(
  node: LadeNode,
  reference: string,
  args: readonly (string | number)[],
): Promise<string[]> {
  const script = await readFile(join(import.meta.dirname, 'read-tree.py'), 'utf8');
  const output = await node.run(reference, 'python3', '-c', script, ...args.map(String));
  return output.trim().split(/\r?\n/);
}

async function whileCachesAreDropped(work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  const dropping = (async () => {
    while (!signal.aborted) {
      await dropCaches();
      await sleep(DROP_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  })();
  try {
    await work();
  } finally {
    stop.abort();
    await dropping;
  }
}

async function dropCaches(): Promise<void> {
  await writeFile('/proc/sys/vm/drop_caches', '3');
}

async function listLayers(node: LadeNode): Promise<LayerSummary[]> {
  return JSON.parse(await node.ladeOrThrow('layers', '--json')) as LayerSummary[];
}

async function allocated(node: LadeNode): Promise<number> {
  return [...(await sizesOfLayers(node.root)).values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** `lade layers`, containerd's Usage and the disk say the same, once what is under way has been told. */
async function assertHonest(node: LadeNode): Promise<void> {
  let [told, used, disk]: [string[], string[], string[]] = [[], [], []];
  await waitUntil('all say the same', async () => {
    const layers = await listLayers(node);
    told = layers.map(({ diffId, diskBytes }) => `${diffId} ${diskBytes}`).sort();
    disk = [...(await sizesOfLayers(node.root))].map(([diffId, bytes]) => `${diffId} ${bytes}`).sort();
    used = layers.map(({ diskBytes }) => String(diskBytes)).sort();
    const usage = await usages(node);
    return (
      told.join() === disk.join() &&
      used.every((bytes) => usage.includes(bytes)) &&
      usage.length === used.length
    );
  }).catch((reason: unknown) => {
    throw new Error(`told ${told.join()}, on disk ${disk.join()}`, { cause: reason });
  });
}

/** Of committed snapshots, as containerd is told. */
async function usages(node: LadeNode): Promise<string[]> {
  const list = (await node.ctr('snapshots', '--snapshotter', 'lade', 'list')).split('\n');
  const keys = list.filter((line) => line.includes('Committed')).map((line) => line.split(/\s+/)[0] ?? '');
  const lines = await Promise.all(
    keys.map(async (key) => node.ctr('snapshots', '--snapshotter', 'lade', 'usage', '-b', key)),
  );
  return lines.map((text) => text.trim().split('\n').at(-1)?.split(/\s+/)[1] ?? '');
}

async function messages(node: LadeNode, message: string): Promise<number> {
  const log = await readFile(node.logFile, 'utf8');
  return log.split('\n').filter((line) => line.includes(`"${message}"`)).length;
}
