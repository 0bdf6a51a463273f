import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { openFaultyProxy, startOrigin, startS3StandIn, type Fault, type FaultyProxy } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import {
  LAZY_MODES,
  NO_BACKGROUND,
  View,
  Watch,
  assertFails,
  assertReads,
  layersOf,
} from './on-demand-site.ts';
import { Testbed, needsRoot } from './testbed.ts';

/*
 * An S3 bucket behind a proxy on which things go wrong, seen from processes that read through the mount, and from containerd that
 * pulls. A short fault makes readers wait, a long one gives them EIO; when it is over all goes on, without a restart.
 */
const LARGE_BYTES = 10_000_000;
const CHUNK_BYTES = 256 << 10;
const DEADLINE_MS = 2_500;

interface Site extends AsyncDisposable {
  readonly bed: Testbed;
  readonly proxy: FaultyProxy;
  /** By way of the proxy. */
  readonly bucketUrl: string;
  /** An image that has programs, and what md5sum says there of COLD. */
  readonly base: string;
  readonly baseSums: string;
  image(name: keyof typeof IMAGES): {
    readonly reference: string;
    readonly large: ReadonlyMap<number, number>;
  };
}

/** Programs that no start needs. */
const COLD = ['/usr/bin/find', '/usr/bin/mawk'];

/** Seeds of their layers. */
const IMAGES = { app: [1], whole: [2], late: [3], later: [4] } as const;

async function openSite(t: TestContext): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const bed = stack.use(await Testbed.open(t));
  const layout = await bed.makeFolder('layout');
  const images = Object.entries(IMAGES).map(([name, seeds]) => [
    `${name}:latest`,
    seeds.map((seed) => gzipLayer(soundTar(seed, LARGE_BYTES))),
  ]);
  await writeLayout(layout, Object.fromEntries(images) as Parameters<typeof writeLayout>[1]);
  const built = await bed.image('base');
  const origin = stack.use(await startOrigin([layout, built.layout]));
  const base = `${origin.address}/${built.name}`;
  const store = stack.use(await startS3StandIn(join(bed.folder, 'store')));
  const proxy = stack.use(await openFaultyProxy(store.address));
  const urlBy = (address: string): string =>
    `s3://lade/p?endpoint=http://${address}&region=x&path-style=true&access-key-id=a&secret-access-key=b`;
  const image: Site['image'] = (name) => ({
    reference: `${origin.address}/${name}:latest`,
    large: new Map(IMAGES[name].map((seed) => [seed, LARGE_BYTES] as const)),
  });
  const publisher = await bed.node('publisher', urlBy(store.address), '2.1', ['--fill', 'full']);
  for (const reference of [
    base,
    ...(['app', 'whole', 'later'] as const).map((name) => image(name).reference),
  ]) {
    await publisher.containerd.pull(reference, { snapshotter: 'lade' });
    await publisher.publishes(reference);
  }
  const baseSums = await publisher.run(base, 'md5sum', ...COLD);
  await publisher.uploaded();
  const owned = stack.move();
  return {
    bed,
    proxy,
    bucketUrl: urlBy(proxy.address),
    base,
    baseSums,
    image,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** The next requests for a part of a pack meet the fault, as many as told. */
function spoilPacks(proxy: FaultyProxy, fault: Fault, times: number): void {
  let left = times;
  proxy.inject(({ path }) => (path.includes('/packs/') && left-- > 0 ? fault : undefined));
}

/** Longer than the S3 client itself tries again. */
const OFTEN = 7;

const SHORT_FAULTS: Readonly<Record<string, readonly [fault: Fault, times: number]>> = {
  'answers that come late': [{ kind: 'delay', ms: 700 }, 3],
  'internal errors': [{ kind: 'status', status: 500 }, OFTEN],
  'throttling, 503': [{ kind: 'status', status: 503, retryAfterSeconds: 1 }, 1],
  'throttling, 429': [{ kind: 'status', status: 429, retryAfterSeconds: 1 }, 1],
  'connections that are reset': [{ kind: 'reset' }, OFTEN],
  'bodies that end half way': [{ kind: 'half-body' }, 3],
  'bodies with a flipped bit': [{ kind: 'flip' }, 1],
};

for (const mode of LAZY_MODES)
  test(`a bucket in trouble, seen through a mount, fill ${mode}`, needsRoot, async (t) => {
    await using site = await openSite(t);
    await testMode(t, site, mode);
  });

async function testMode(t: TestContext, site: Site, mode: (typeof LAZY_MODES)[number]): Promise<void> {
  const { bed, proxy } = site;
  const flags = ['--fill', mode, ...NO_BACKGROUND, '--read-deadline', `${DEADLINE_MS}ms`];
  await using node = await bed.node(mode, site.bucketUrl, '2.1', flags);
  const app = site.image('app');
  await node.ladeOrThrow('pull', app.reference);
  await using view = await View.open(bed, node, app);
  const large = view.large(1);
  /** A range that nobody has read yet, nor will be read ahead of another. */
  let used = 0;
  const fresh = (): [offset: number, length: number] => [CHUNK_BYTES * 2 * used++, 64 << 10];

  // Before anything slow was seen: from then on it is the bucket's habit that says when a second request is due, and how many.
  await t.test('a request that gets no answer: a second one brings its reader home', async () => {
    const watch = await Watch.begin(node);
    spoilPacks(proxy, { kind: 'silence' }, 1);
    const ms = await timeOf(assertReads(large, fresh()));
    await proxy.heal();
    const { hedges, failedChunks } = await watch.counted();
    assert.deepEqual([hedges, failedChunks], [1, 0]);
    assert.ok(ms < DEADLINE_MS, `${ms} ms`);
  });

  for (const [what, [fault, times]] of Object.entries(SHORT_FAULTS)) {
    await t.test(`${what}: the reader waits, and gets the very bytes`, async () => {
      const watch = await Watch.begin(node);
      const before = proxy.counts()[fault.kind];
      spoilPacks(proxy, fault, times);
      await assertReads(large, fresh());
      await proxy.heal();
      assert.ok(proxy.counts()[fault.kind] > before, 'the fault did not happen');
      const { failedChunks, waits } = await watch.counted();
      assert.ok(failedChunks === 0 && waits > 0);
    });
  }

  await t.test('a bucket that is away for a moment: readers wait', async () => {
    await proxy.vanish();
    const reading = assertReads(large, fresh());
    await sleep(DEADLINE_MS / 3);
    await proxy.heal();
    await reading;
  });

  const whole = site.image('whole');
  await node.ladeOrThrow('pull', whole.reference);
  await using wholeView = await View.open(bed, node, whole);
  await wholeView.assertAllReads();

  for (const [what, begin] of Object.entries({
    'is away': async () => proxy.vanish(),
    'is silent': async () => proxy.inject(() => ({ kind: 'silence' })),
    'only fails': async () => proxy.inject(() => ({ kind: 'status', status: 500 })),
  })) {
    await t.test(
      `a bucket that ${what} for long: EIO after the deadline for who needs it, nothing for the others`,
      async () => {
        const watch = await Watch.begin(node);
        const range = fresh();
        await begin();
        const failing = timeOf(assertFails(large, range));
        await assertReads(large, [0, 64 << 10]);
        const ms = await failing;
        assert.ok(ms > DEADLINE_MS * 0.9 && ms < DEADLINE_MS * 4, `EIO after ${ms} ms`);
        const { failedChunks } = await watch.counted();
        assert.ok(failedChunks > 0);
        await node.ladeOrThrow('status');
        {
          await using another = await View.open(bed, node, whole);
          await another.assertAllReads();
        }
        await proxy.heal();
        await assertReads(large, range);
        await assertReads(large, fresh());
      },
    );
  }

  await t.test(
    'a container whose process gets an error lives on, and reads it all when the bucket is back',
    async () => {
      const id = `lade-${process.pid}-${mode}`;
      await node.ladeOrThrow('pull', site.base);
      await node.ctr('run', '--detach', '--snapshotter', 'lade', site.base, id, 'sleep', '1000');
      await using _ = {
        [Symbol.asyncDispose]: async () => void (await node.ctr('tasks', 'delete', '--force', id)),
      };
      let execs = 0;
      const exec = async (...command: string[]): Promise<{ stdout: string; stderr: string }> =>
        node.containerd.ctr('tasks', 'exec', '--exec-id', String(execs++), id, ...command);
      assert.match((await exec('md5sum', '/etc/passwd')).stdout, /passwd/);
      // What md5sum runs to tell of an error has to be here, or the fault meets its code: SIGBUS, and nothing told.
      assert.match((await exec('md5sum', '/etc')).stderr, /Is a directory/);
      await proxy.vanish();
      assert.match((await exec('md5sum', ...COLD)).stderr, /Input\/output error/);
      assert.match(await node.ctr('tasks', 'list'), new RegExp(`${id}\\s+\\d+\\s+RUNNING`));
      await proxy.heal();
      assert.equal((await exec('md5sum', ...COLD)).stdout, site.baseSums);
    },
  );

  await t.test(
    'a pull falls back to the registry, and what it brings is published once the bucket is back',
    async () => {
      await proxy.vanish();
      const late = site.image('late');
      await node.containerd.pull(late.reference, { snapshotter: 'lade' });
      assert.ok((await layersOf(node)).some(({ origin }) => origin === 'converted'));
      {
        await using lateView = await View.open(bed, node, late);
        await lateView.assertAllReads();
      }
      await proxy.heal();
      await node.uploaded();
      await node.publishes(late.reference);
      if (mode === 'fanotify') await assertEventuallyFetched(node, site.image('later').reference);
    },
  );
}

/** The bucket is asked again, a while after it was in trouble. */
async function assertEventuallyFetched(node: LadeNode, reference: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const before = (await layersOf(node)).map(({ diffId }) => diffId);
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    const [layer] = (await layersOf(node)).filter(({ diffId }) => !before.includes(diffId));
    if (layer?.origin === 'fetched') return;
    assert.ok(tries < 10, 'the bucket is not asked any more');
    await node.ctr('images', 'remove', '--sync', reference);
    await sleep(2_000);
  }
}

async function timeOf(work: Promise<void>): Promise<number> {
  const started = performance.now();
  await work;
  return performance.now() - started;
}
