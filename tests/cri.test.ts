import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { ContainerdConfiguration } from '@lade/containerd-config';
import type { ImageSummary } from '@lade/control-protocol';
import type { Digest } from '@lade/oci';
import { mountPointsBelow, startOrigin, type Origin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { Kubelet, type Pod } from './kubelet.ts';
import { assertNodeEmpty, countPlainSnapshots, listSnapshots } from './node-state.ts';
import { ANSWER, buildPause, buildSpeaker } from './small-images.ts';
import {
  Testbed,
  inSteps,
  listObjects,
  needsRoot,
  readImage,
  waitUntil,
  type ContainerdVersion,
} from './testbed.ts';

/*
 * A pod as a kubelet has it, on a containerd that was told nothing but what `lade install --print --cri` says, where the pause image
 * is, and to count used bytes every second.
 */
const CASES = [
  ['1.6', 'auto'],
  ['1.7', 'full'],
  ['2.1', 'full'],
] as const;

for (const [version, fill] of CASES) {
  test(`a pod on containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const images = [await buildSpeaker(bed.folder), await buildPause(bed.folder)];
    const layers = (await Promise.all(images.map(readImage))).flatMap((image) => image.layers);
    await using origin = await startOrigin(images.map(({ layout }) => layout));
    const [app = '', pause = ''] = images.map(({ name }) => `${origin.address}/${name}`);
    const bucketUrl = await bed.bucket('directory');
    const kubernetes = {
      kubernetes: true,
      configure: async (own: Snapshotter) => configure(version, own, pause),
    };
    const node = async (name: string, flags: readonly string[]): Promise<LadeNode> =>
      bed.nodeWith(name, { bucketUrl, containerdVersion: version, flags, ...kubernetes });
    const first = await node('first', []);
    const second = await node('second', ['--fill', fill]);

    await step('the first node pulls from the registry, and publishes', async () => {
      using kubelet = new Kubelet(first.containerd.address, await bed.makeFolder('first-logs'));
      const pod = await kubelet.runPod('first');
      await kubelet.pull(app);
      await kubelet.run(pod, 'app', app, WRITE_AND_SPEAK);
      await waitUntil('it speaks', async () => (await kubelet.output(pod, 'app')) === ANSWER);
      await waitUntil('all is converted', async () => (await countPlainSnapshots(first)) === 0);
      await first.publishes(app);
      await first.publishes(pause);
      await kubelet.removePod(pod);
    });

    using kubelet = new Kubelet(second.containerd.address, await bed.makeFolder('second-logs'));
    const runs = async (pod: Pod): Promise<string> => {
      const id = await kubelet.run(pod, 'app', app, WRITE_AND_SPEAK);
      await waitUntil('it speaks', async () => (await kubelet.output(pod, 'app')) === ANSWER);
      return id;
    };

    await step('another node has the pod from the bucket, and removes it', async () => {
      const before = origin.requests().length;
      const pod = await kubelet.runPod('second');
      await kubelet.pull(app);
      const id = await runs(pod);
      assert.deepEqual(fetchedSince(origin, before, layers), []);
      await assertStats(kubelet, id, imageFolderOf(version, second));
      await assertImageFileSystem(kubelet, second, version, fill);
      await assertImageNames(first, origin.address);
      const objects = await listObjects(bucketUrl);
      await kubelet.removePod(pod);
      for (const image of [app, pause]) await kubelet.removeImage(image);
      await waitUntil('the snapshots are gone', async () => (await listSnapshots(second)).length === 0);
      await waitUntil(
        'the layers are gone',
        async () => (await readdir(join(second.root, 'layers'))).length === 0,
      );
      await assertNodeEmpty(second);
      assert.deepEqual(await mountPointsBelow(second.containerd.state), []);
      assert.deepEqual(await listObjects(bucketUrl), objects);
    });

    await step('a kubelet finds what lade pull has brought, without the registry', async () => {
      await origin[Symbol.asyncDispose]();
      for (const image of [app, pause]) await second.ladeOrThrow('pull', image, '--namespace', 'k8s.io');
      for (const image of [app, pause])
        await waitUntil(`${image} is found`, async () => (await kubelet.imageId(image)) !== undefined);
      const pod = await kubelet.runPod('third');
      await runs(pod);
      await kubelet.removePod(pod);
    });
  });
}

/** By tag and by digest, but not by what Kubernetes calls them itself. */
async function assertImageNames(node: LadeNode, registry: string): Promise<void> {
  const images = JSON.parse(await node.ladeOrThrow('images', '--json')) as ImageSummary[];
  const names = images.map(({ name }) => name.replace(`${registry}/`, '').replace(/@.*/, '@'));
  assert.deepEqual(names.sort(), ['pause:latest', 'pause@', 'speaker:latest', 'speaker@']);
}

async function assertStats(kubelet: Kubelet, id: string, imageFolder: string): Promise<void> {
  const { cpu, memory, writableLayer } = (await kubelet.stats(id)) ?? {};
  assert.ok((cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
  assert.ok((memory?.workingSetBytes?.value ?? 0n) > 0n);
  assert.equal(writableLayer?.fsId?.mountpoint, imageFolder);
  await waitUntil('what it has written is counted', async () => {
    const { writableLayer: now } = (await kubelet.stats(id)) ?? {};
    return (now?.usedBytes?.value ?? 0n) >= WRITTEN_BYTES;
  });
}

/**
 * containerd asks for the usage of a committed snapshot once, so what comes later by and by is not in it; nothing is in it that
 * is not here.
 */
async function assertImageFileSystem(
  kubelet: Kubelet,
  node: LadeNode,
  version: ContainerdVersion,
  fill: string,
): Promise<void> {
  const fileSystem = await kubelet.imageFileSystem();
  assert.equal(fileSystem?.fsId?.mountpoint, imageFolderOf(version, node));
  const told = Number(fileSystem.usedBytes?.value ?? 0n);
  const folders = ['layers', 'snapshots'].map((name) => join(node.root, name));
  const { stdout } = await promisify(execFile)('du', ['-scB1', ...folders]);
  const used = Number(/^(\d+)\ttotal$/m.exec(stdout)?.[1]);
  assert.ok(told >= WRITTEN_BYTES, `${told}`);
  assert.ok(told <= used, `${told} bytes, but ${used} are used`);
  if (fill !== 'full') return;
  // containerd may have asked between the pull and the mount, before all of a layer came: what it is told now is all.
  const usage = ['snapshots', '--snapshotter', 'lade', 'usage', '-b'];
  const { stdout: listed } = await node.containerd.ctr('--namespace', 'k8s.io', ...usage);
  const rows = listed.trim().split('\n').slice(1);
  const sum = rows.reduce((bytes, row) => bytes + Number(row.trim().split(/\s+/)[1]), 0);
  assert.ok(sum <= used && sum > used - SLACK_BYTES, `${sum} bytes, but ${used} are used`);
}

/** Folders around what snapshots hold. */
const SLACK_BYTES = 128 * 1024;

/** Where containerd says that images are; 1.6 cannot be told. */
function imageFolderOf(version: ContainerdVersion, node: LadeNode): string {
  return version === '1.6' ? join(node.containerd.root, 'io.containerd.snapshotter.v1.lade') : node.root;
}

type Snapshotter = ContainerdConfiguration['snapshotter'];

const WRITTEN_BYTES = 1 << 20;
const WRITE_AND_SPEAK = [
  '/bin/busybox',
  'sh',
  '-c',
  `b=/bin/busybox; $b head -c ${WRITTEN_BYTES} /dev/zero > /written; $b cat /answer; exec $b sleep 1000`,
] as const;

/** What the registry was asked for since then, of these. */
function fetchedSince(origin: Origin, since: number, digests: readonly Digest[]): Digest[] {
  const asked = origin
    .requests()
    .slice(since)
    .filter(({ bytes }) => bytes > 0);
  return asked.flatMap(({ digest }) => (digest && digests.includes(digest) ? [digest] : []));
}

/** What Lade prints for a node, and this test's own settings. */
async function configure(version: ContainerdVersion, own: Snapshotter, pause: string): Promise<string> {
  const lade = join(import.meta.dirname, '../apps/cli/lade.mjs');
  const place = ['--address', own.address, '--root', own.exportsRoot, '--containerd-version', version];
  const { stdout } = await promisify(execFile)(process.execPath, [
    lade,
    'install',
    '--print',
    '--cri',
    ...place,
  ]);
  return stdout.replace(/^\[plugins."io.containerd.(?:grpc.v1.cri|cri.v1.images)".*$/m, (table) =>
    (version.startsWith('1.') ? settingsOf1(pause, table) : settingsOf2(pause, table)).join('\n'),
  );
}

function settingsOf1(pause: string, containerdTable: string): string[] {
  const settings = [`sandbox_image = "${pause}"`, ...OF_IMAGES, ...OF_RUNTIME];
  return ['[plugins."io.containerd.grpc.v1.cri"]', ...settings, containerdTable];
}

function settingsOf2(pause: string, imagesTable: string): string[] {
  const others = ['[plugins."io.containerd.cri.v1.runtime"]', ...OF_RUNTIME];
  return [...others, imagesTable, ...OF_IMAGES, `pinned_images.sandbox = "${pause}"`];
}

const OF_IMAGES = ['stats_collect_period = 1'];
/** Root may lack the right to spare a process from the kernel's search for memory. */
const OF_RUNTIME = ['restrict_oom_score_adj = true'];
