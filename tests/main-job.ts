import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import type { ImageSummary, LayerSummary, PullEvent, VerifyEvent } from '@lade/control-protocol';
import { LAYER_FILES } from '@lade/layers';
import { hexOf, type Digest } from '@lade/oci';
import { mountPointsBelow, startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { assertNodeEmpty, countPlainSnapshots, listSnapshots } from './node-state.ts';
import {
  Testbed,
  inSteps,
  listObjects,
  needsRoot,
  readImage,
  waitUntil,
  type ContainerdVersion,
  type ImageParts,
} from './testbed.ts';
import { startTlsFront } from './tls-front.ts';

/*
 * One image, one bucket, three nodes: the first pulls from a registry, the second starts from the bucket alone and lives
 * through restarts, the third pulls with the registry up, and removes the image again.
 */
const ANSWER = ['python3', '-c', 'print(6*7)'] as const;

type Case = readonly [version: ContainerdVersion, bucket: Parameters<Testbed['bucket']>[0], fill: string];

export function testMainJob([version, kind, fill]: Case): void {
  test(`the main job, containerd ${version}, ${kind} bucket, fill ${fill}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const built = await bed.image('python');
    const image = await readImage(built);
    const bucketUrl = await bed.bucket(kind);
    await using registry = await startOrigin([built.layout]);
    await using front = await startTlsFront(registry.address);
    const registered = `${front.address}/${built.name}`;
    await bed.trust(front.certificate);
    const first = await bed.node('first', bucketUrl, version, ['--fill', fill]);
    const second = await bed.node('second', bucketUrl, version, ['--fill', fill]);
    const third = await bed.node('third', bucketUrl, version, ['--fill', fill]);
    let reference = '';

    await step('a first pull converts every layer, and the container runs', async () => {
      await using origin = await startOrigin([built.layout]);
      reference = `${origin.address}/${built.name}`;
      await first.containerd.pull(reference, { snapshotter: 'lade' });
      assert.equal(await first.run(reference, ...ANSWER), '42\n');
      await waitUntil(
        'what containerd unpacked is converted',
        async () => (await countPlainSnapshots(first)) === 0,
      );
      // What containerd has unpacked itself stays until a reboot.
      await assertConverted(first, image, version === '1.6' ? image.layers.length : 0);
      await first.publishes(reference);
      await first.uploaded();
      await assertPublished(bucketUrl, image);
    });

    await step('an empty node starts the container from the bucket, without the registry', async () => {
      const events = await readLines<PullEvent>(second, 'pull', reference, '--json');
      assert.deepEqual(events.at(-1), {
        kind: 'restored',
        name: reference,
        ...image.restored,
        source: 'bucket',
        downloadedBytes: 0,
        layersToUpload: 0,
      });
      assert.equal(await second.run(reference, ...ANSWER), '42\n');
      await assertFetched(second, image);
      await readEverything(second);
      assert.deepEqual(await hashLayers(second, image), await hashLayers(first, image));
    });

    await step('verify proves every layer from the bucket', async () => {
      const events = await readLines<VerifyEvent>(second, 'verify', reference, '--json');
      const proved = events.flatMap((event) => (event.kind === 'proved' ? [event.diffId] : []));
      assert.deepEqual(proved, image.diffIds);
      const { kind, layers, failed } = events.at(-1) as VerifyEvent & { kind: 'verified' };
      assert.deepEqual({ kind, layers, failed }, { kind: 'verified', layers: proved.length, failed: 0 });
    });

    await step('images and layers agree with each other and with the image', async () => {
      const [summary, ...others] = await readJson<ImageSummary>(second, 'images');
      assert.deepEqual(others, []);
      assert.deepEqual([summary?.name, summary?.digest], [reference, image.restored.digest]);
      assert.deepEqual(
        summary?.layers.map(({ diffId }) => diffId),
        image.diffIds,
      );
      assert.ok(summary?.layers.every(({ here }) => here));
    });

    await step('a container outlives its daemon, and the next daemon goes on with its mounts', async () => {
      const id = `lade-${process.pid}-${version}-${kind}`;
      await second.ctr('run', '--detach', '--snapshotter', 'lade', reference, id, 'sleep', '1000');
      const exec = async (name: string): Promise<string> =>
        second.ctr('tasks', 'exec', '--exec-id', name, id, 'python3', '-c', 'import json; print(6*7)');
      const mounts = await mountPointsBelow(second.root);
      await second.stopDaemon();
      const without = exec('without');
      // FUSE has somebody read even what is whole: then who reads waits for the next daemon.
      if (fill !== 'fuse') assert.equal(await without, '42\n');
      await second.startDaemon();
      assert.equal(await without, '42\n');
      assert.equal(await exec('with'), '42\n');
      assert.equal(await second.run(reference, ...ANSWER), '42\n');
      assert.deepEqual(await mountPointsBelow(second.root), mounts);
      await second.ctr('tasks', 'delete', '--force', id);
      await second.ctr('containers', 'delete', id);
    });

    await step('after a reboot the mounts are put back', async () => {
      await bed.reboot(second, version);
      assert.deepEqual(await mountPointsBelow(join(second.root, 'mounts')), []);
      assert.equal(await second.run(reference, ...ANSWER), '42\n');
    });

    // ctr has containerd 1.6 fetch all of it; for a kubelet it does as the others do (cri.test.ts).
    const takesHandshake = version !== '1.6';
    await step('a pull of what the bucket has takes no layer from the registry', async () => {
      if (!takesHandshake) {
        await third.ladeOrThrow('pull', reference);
        return;
      }
      await third.ctr('images', 'pull', ...TRANSFER, '--snapshotter', 'lade', registered);
      assert.equal(await third.run(registered, ...ANSWER), '42\n');
      const asked = registry.requests().flatMap(({ digest }) => digest ?? []);
      assert.ok(asked.includes(image.restored.digest));
      assert.deepEqual(
        asked.filter((digest) => image.layers.includes(digest)),
        [],
      );
      await assertFetched(third, image);
    });

    await step('removing the image clears the node, and leaves the bucket alone', async () => {
      // containerd 1.7's transfer service tells nobody of the image, but a daemon that starts looks for itself.
      await third.stopDaemon();
      await third.startDaemon();
      const name = takesHandshake ? registered : reference;
      await third.publishes(name);
      const before = await listObjects(bucketUrl);
      await third.ctr('images', 'remove', '--sync', name);
      await waitUntil('the layers are gone', async () => (await readJson(third, 'layers')).length === 0);
      assert.equal(await third.ctr('snapshots', '--snapshotter', 'lade', 'list'), EMPTY_LIST);
      await assertNodeEmpty(third);
      assert.deepEqual(await listObjects(bucketUrl), before);
      await third.ladeOrThrow('pull', name);
      assert.equal(await third.run(name, ...ANSWER), '42\n');
    });
  });
}

/** Has the transfer service pull; that of containerd 1.7 unpacks only for a platform that is named, and insists on TLS. */
const TRANSFER = [
  '--local=false',
  '--platform',
  `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
] as const;

const EMPTY_LIST = 'KEY PARENT KIND \n';

/** Every layer is converted, and so many directories of snapshots are there. */
async function assertConverted(
  node: LadeNode,
  { layers, diffIds }: ImageParts,
  directories: number,
): Promise<void> {
  const log = (await readFile(node.logFile, 'utf8')).split('\n').filter((line) => line.startsWith('{'));
  const converted = log
    .map((line) => JSON.parse(line) as { message: string; digest: Digest })
    .filter(({ message }) => message === 'layer converted');
  assert.deepEqual(converted.map(({ digest }) => digest).sort(), layers.toSorted());
  await assertLayers(node, diffIds, 'converted');
  await waitUntil(
    'no other snapshot has files',
    async () => (await listSnapshots(node)).length === directories,
  );
}

async function assertFetched(node: LadeNode, { diffIds }: ImageParts): Promise<void> {
  await assertLayers(node, diffIds, 'fetched');
  assert.ok((await readJson<LayerSummary>(node, 'layers')).every(({ uploaded }) => uploaded));
}

async function assertLayers(node: LadeNode, diffIds: readonly Digest[], origin: string): Promise<void> {
  const layers = await readJson<LayerSummary>(node, 'layers');
  assert.deepEqual(layers.map(({ diffId }) => diffId).sort(), diffIds.toSorted());
  assert.deepEqual([...new Set(layers.map((layer) => layer.origin))], [origin]);
}

/** The bucket has every kind of object, as many as this one image needs. */
async function assertPublished(bucketUrl: string, { restored, config, diffIds }: ImageParts): Promise<void> {
  const names = new Map<string, string[]>();
  for (const { key } of await listObjects(bucketUrl)) {
    const [, folder = '', name = ''] = /^([^/]+\/[^/]+)\/(.+)$/.exec(key) ?? [];
    names.set(folder, [...(names.get(folder) ?? []), name]);
  }
  const kinds = ['chains/sha256', 'content/sha256', 'layers/sha256', 'packs/sha256', 'refs/images'];
  assert.deepEqual([...names.keys()].sort(), kinds);
  assert.deepEqual(names.get('layers/sha256'), diffIds.map(hexOf).sort());
  assert.equal(names.get('chains/sha256')?.length, diffIds.length);
  assert.deepEqual(names.get('content/sha256'), [restored.digest, config].map(hexOf).sort());
  assert.equal(names.get('refs/images')?.length, 1);
}

/** Has the bytes of every layer brought that were not needed so far. */
async function readEverything(node: LadeNode): Promise<void> {
  const find = ['find', join(node.root, 'mounts'), '-type', 'f', '-exec', 'cat', '{}', '+'] as const;
  const reader = spawn(find[0], find.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  assert.deepEqual(await once(reader, 'exit'), [0, null]);
}

/** What the kernel mounts must be the same bytes on every node. */
async function hashLayers(node: LadeNode, { diffIds }: ImageParts): Promise<string[]> {
  const hashes: string[] = [];
  for (const diffId of diffIds) {
    for (const file of [LAYER_FILES.metadata, LAYER_FILES.blob]) {
      const hash = createHash('sha256');
      await pipeline(createReadStream(join(node.root, 'layers', hexOf(diffId), file)), hash);
      hashes.push(`${diffId} ${file} ${hash.digest('hex')}`);
    }
  }
  return hashes;
}

async function readJson<T>(node: LadeNode, command: 'images' | 'layers'): Promise<T[]> {
  return JSON.parse(await node.ladeOrThrow(command, '--json')) as T[];
}

async function readLines<T>(node: LadeNode, ...args: readonly string[]): Promise<T[]> {
  const lines = (await node.ladeOrThrow(...args)).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}
