import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ControlClient,
  controlSocketPath,
  type ContainerSummary,
  type ImageSummary,
  type Start,
} from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { LAZY_MODES, NO_BACKGROUND } from './on-demand-site.ts';
import { READABLE as SIZES, buildReadable } from './readable-image.ts';
import { Testbed, inSteps, needsRoot, waitUntil } from './testbed.ts';

/*
 * Starts told apart, and what each container has read and waited for: whoever has asked containerd for it.
 */

const PREFIX = `starts-${process.pid}`;

for (const version of ['1.7', '2.1'] as const)
  for (const fill of LAZY_MODES)
    test(`starts and reads of containers, containerd ${version}, ${fill}`, needsRoot, async (t) => {
      await using bed = await Testbed.open(t);
      const step = inSteps(t);
      const bucketUrl = await bed.bucket('directory');
      const flags = [...NO_BACKGROUND, '--fill', fill];
      const layout = await buildReadable(bed.folder);
      await using origin = await startOrigin([layout]);
      const image = `${origin.address}/readable:latest`;
      await using one = openSeen(await bed.node('one', bucketUrl, version, flags), image);
      await using two = openSeen(await bed.node('two', bucketUrl, version, flags), image);
      const name = (what: string): string => `${PREFIX}-${what}`;

      await step(
        'the first start, where the image was converted, is told as such, and the next is warm',
        async () => {
          await one.node.containerd.pull(image, { snapshotter: 'lade' });
          await one.run(name('first'), 'sleep 1000');
          const first = await one.startOf(name('first'));
          assert.deepEqual([first.kind, first.waits, first.waitMs], ['first', 0, 0]);
          assert.ok(first.ms > 0 && (first.pullMs ?? 0) > 0);
          await one.run(name('again'), 'sleep 1000');
          const again = await one.startOf(name('again'));
          assert.deepEqual([again.kind, again.pullMs], ['warm', undefined]);
          await one.node.uploaded();
          await one.node.publishes(image);
        },
      );

      await step('where it came from the bucket its first start is cold: it has waited', async () => {
        await two.node.ladeOrThrow('pull', image);
        await two.run(name('a'), 'cat /data/first > /dev/null; echo read; sleep 1000');
        await waitUntil('it has read', async () => hasRead(two, name('a'), 'first'));
        await waitUntil('it is cold', async () => (await two.startOf(name('a'))).kind === 'cold');
        const start = await two.startOf(name('a'));
        assert.ok(start.waits > 0 && start.waitMs > 0 && start.filledBytes > 0 && (start.pullMs ?? 0) > 0);
      });

      await step('what a container reads is told of it, file by file', async () => {
        const { files = [], ...figures } = await two.readsOf(name('a'));
        const sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
        assert.equal(sizes.get('data/first'), SIZES.first);
        assert.ok(!sizes.has('data/second') && (sizes.get('usr/bin/busybox') ?? 0) > 0);
        assert.ok(figures.waits > 0 && figures.filledBytes > 0);
        const waited = files.reduce((sum, { waitMs }) => sum + waitMs, 0);
        assert.ok(waited > 0 && waited <= figures.waitMs + 1);
      });

      await step('another one of the same image has reads of its own, also where Lade runs it', async () => {
        const before = await two.readsOf(name('a'));
        const args = ['busybox', 'sh', '-c', 'cat /data/second > /dev/null; sleep 1000'];
        await Array.fromAsync(two.client.containers.run({ image, id: name('b'), args, detach: true }));
        await waitUntil('it has read', async () => hasRead(two, name('b'), 'second'));
        const { files = [] } = await two.readsOf(name('b'));
        const sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
        assert.deepEqual([sizes.get('data/second'), sizes.has('data/first')], [SIZES.second, false]);
        assert.deepEqual((await two.readsOf(name('a'))).files, before.files);
      });

      await step('one that needs nothing more is warm, and waits for nothing', async () => {
        await two.run(name('c'), 'sleep 1000');
        await waitUntil('its start is over', async () => (await two.startOf(name('c'))).over);
        const start = await two.startOf(name('c'));
        assert.deepEqual([start.kind, start.waits, start.waitMs, start.filledBytes], ['warm', 0, 0, 0]);
        const { waits, waitMs, filledBytes } = await two.readsOf(name('c'));
        assert.deepEqual({ waits, waitMs, filledBytes }, { waits: 0, waitMs: 0, filledBytes: 0 });
      });

      await step('starts are told of the image and as events, and outlive the daemon', async () => {
        const events = async (): Promise<string[]> => {
          const lines = await two.node.ladeOrThrow('events', '--kind', 'container.started', '--json');
          return lines
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => String((JSON.parse(line) as { container: unknown }).container));
        };
        await waitUntil('all are told', async () => (await events()).length === 3);
        assert.deepEqual((await events()).sort(), [name('a'), name('b'), name('c')]);
        const kinds = async (): Promise<string[]> =>
          ((await two.image()).starts ?? []).map(({ container, kind }) => `${container} ${kind}`);
        const before = await kinds();
        assert.deepEqual(before, [`${name('c')} warm`, `${name('b')} cold`, `${name('a')} cold`]);
        const ofOne = ((await one.image()).starts ?? []).map(({ kind, over }) => [kind, over]);
        assert.deepEqual(ofOne, [
          ['warm', true],
          ['first', true],
        ]);
        await two.node.stopDaemon();
        await two.node.startDaemon();
        assert.deepEqual(await kinds(), before);
        assert.match(await two.node.ladeOrThrow('images', image), /^warm [^]*^cold /m);
        await two.node.ctr('tasks', 'kill', '--signal', 'KILL', name('c'));
        await waitUntil('it has ended', async () => (await two.find(name('c'))).state === 'stopped');
        await two.node.ctr('tasks', 'rm', name('c'));
        await two.node.ctr('tasks', 'start', '-d', name('c'));
        await waitUntil('it is told', async () => ((await two.image()).starts ?? []).length === 4);
        const [again] = (await two.image()).starts ?? [];
        assert.deepEqual([again?.container, again?.kind], [name('c'), 'warm']);
      });
    });

interface Seen extends AsyncDisposable {
  readonly node: LadeNode;
  readonly client: ControlClient;
  /** Has ctr run a shell of busybox. */
  run(id: string, script: string): Promise<void>;
  find(id: string): Promise<ContainerSummary>;
  readsOf(id: string): Promise<NonNullable<ContainerSummary['reads']>>;
  startOf(id: string): Promise<Start>;
  image(): Promise<ImageSummary>;
}

function openSeen(node: LadeNode, reference: string): Seen {
  const client = ControlClient.open(controlSocketPath(node.address));
  const find: Seen['find'] = async (id) => client.containers.get(id);
  return {
    node,
    client,
    find,
    async run(id, script) {
      await node.ctr('run', '-d', '--snapshotter', 'lade', reference, id, '/bin/busybox', 'sh', '-c', script);
    },
    async readsOf(id) {
      const { reads } = await find(id);
      assert.ok(reads, id);
      return reads;
    },
    async startOf(id) {
      await waitUntil('its start is told', async () => (await find(id)).start !== undefined);
      const { start } = await find(id);
      assert.ok(start);
      return start;
    },
    async image() {
      const found = (await client.images()).find(({ name }) => name === reference);
      assert.ok(found);
      return found;
    },
    async [Symbol.asyncDispose]() {
      for (const { id } of await client.containers.list())
        await client.containers.remove(id, { force: true });
      client[Symbol.dispose]();
    },
  };
}

/** Whether a container has read all of a file, as far as is told. */
async function hasRead(seen: Seen, id: string, name: keyof typeof SIZES): Promise<boolean> {
  const { files = [] } = await seen.readsOf(id);
  return files.find(({ path }) => path === `data/${name}`)?.bytes === SIZES[name];
}
