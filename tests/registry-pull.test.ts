import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import type { ImageSummary, PullEvent } from '@lade/control-protocol';
import type { Digest } from '@lade/oci';
import {
  assembleImage,
  openFaultyProxy,
  pushLayout,
  startDockerRegistry,
  unpackSet,
  type BuiltImage,
  type FaultyProxy,
  type ProxiedRequest,
} from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { CACHE } from './programs.ts';
import { ANSWER, SPEAK, buildSpeaker } from './small-images.ts';
import { Testbed, inSteps, needsRoot, readImage, waitUntil, type ContainerdVersion } from './testbed.ts';

/*
 * lade pull, with the distribution project's registry behind a proxy that counts and spoils: what comes from there, and what
 * from the bucket.
 */
class Site implements AsyncDisposable {
  readonly bed: Testbed;
  readonly bucketUrl: string;
  readonly way: FaultyProxy;
  readonly #registry: string;
  readonly #stack: AsyncDisposableStack;
  #asked: ProxiedRequest[] = [];

  private constructor(
    parts: { bed: Testbed; bucketUrl: string; way: FaultyProxy; registry: string },
    stack: AsyncDisposableStack,
  ) {
    this.bed = parts.bed;
    this.bucketUrl = parts.bucketUrl;
    this.way = parts.way;
    this.#registry = parts.registry;
    this.#stack = stack;
    this.spoil(() => undefined);
  }

  static async open(t: TestContext): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const bed = stack.use(await Testbed.open(t));
    const { folder: packages } = await unpackSet('docker-registry', { cacheFolder: CACHE });
    const registry = stack.use(await startDockerRegistry({ packages, folder: join(bed.folder, 'registry') }));
    const way = stack.use(await openFaultyProxy(registry.address));
    const bucketUrl = await bed.bucket('directory');
    return new Site({ bed, bucketUrl, way, registry: registry.address }, stack.move());
  }

  async node(name: string, version: ContainerdVersion): Promise<LadeNode> {
    return this.bed.node(name, this.bucketUrl, version);
  }

  /** Pushes past the proxy; the name that has it by way of the proxy. */
  async push({ layout }: BuiltImage, tag: string): Promise<string> {
    await pushLayout(layout, { address: this.#registry, repository: 'some/app', tag });
    return `${this.way.address}/some/app:${tag}`;
  }

  /** Notes all requests; what `choose` says goes wrong with them. */
  spoil(choose: Parameters<FaultyProxy['inject']>[0]): void {
    this.way.inject((request) => {
      this.#asked.push(request);
      return choose(request);
    });
  }

  /** Which of these the registry was asked for since the last time. */
  takeAsked(digests: readonly Digest[]): Digest[] {
    const asked = this.#asked.map(({ path }) => path.split('/').at(-1) as Digest);
    this.#asked = [];
    return asked.filter((digest) => digests.includes(digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

const NOISE_BYTES = 8 << 20;

const stack = new AsyncDisposableStack();
let speaker: BuiltImage;
/** With a layer more that takes its time. */
let big: BuiltImage;

before(async () => {
  if (needsRoot.skip !== false) return;
  const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-')));
  speaker = await buildSpeaker(folder);
  const noise = { fill: async (root: string) => writeFile(join(root, 'noise'), randomBytes(NOISE_BYTES)) };
  const recipe = { name: 'big:latest', layers: [noise] };
  const layout = join(folder, 'big');
  await assembleImage({ recipe, layout, from: speaker.layout, cacheFolder: CACHE });
  big = { layout, name: recipe.name };
});

after(async () => stack.disposeAsync());

for (const version of ['1.6', '1.7', '2.1'] as const) {
  test(`images come from a registry once, containerd ${version}`, needsRoot, async (t) => {
    await using site = await Site.open(t);
    const step = inSteps(t);
    const { layers, diffIds, restored } = await readImage(speaker);
    const first = await site.node('first', version);
    const second = await site.node('second', version);
    const name = await site.push(speaker, '1');

    await step('two pulls at once bring each layer once', async () => {
      const [events] = await Promise.all([pull(first, name), pull(first, name)]);
      assert.deepEqual(lastOf(events), { kind: 'restored', name, ...restored, source: 'registry' });
      const resolved = {
        kind: 'resolved',
        digest: restored.digest,
        layers: layers.length,
        source: 'registry',
      };
      assert.deepEqual(events[0], resolved);
      assert.deepEqual(layersTold(events, 'present'), diffIds);
      assert.deepEqual(site.takeAsked(layers).sort(), layers.toSorted());
      assert.equal(await first.run(name, ...SPEAK), ANSWER);
    });

    await step('images tell what the bucket has, and what only containerd', async () => {
      await first.publishes(name);
      assert.deepEqual(await places(first), [[name, true, true]]);
      assert.deepEqual(await places(second), [[name, true, false]]);
    });

    await step(
      'another node takes its layers from the bucket, and the registry only tells the tag',
      async () => {
        const events = await pull(second, name);
        assert.deepEqual(lastOf(events), { kind: 'restored', name, ...restored, source: 'bucket' });
        assert.deepEqual(layersTold(events, 'downloading'), []);
        assert.deepEqual(site.takeAsked([...layers, restored.digest]), []);
        assert.equal(await second.run(name, ...SPEAK), ANSWER);
      },
    );

    // What follows asks nothing of containerd that has not been asked for above.
    if (version !== '2.1') return;

    await step('a tag that has moved is followed, and only what is new downloaded', async () => {
      const moved = await readImage(big);
      await site.push(big, '1');
      const events = await pull(second, name);
      assert.deepEqual(lastOf(events), { kind: 'restored', name, ...moved.restored, source: 'registry' });
      assert.deepEqual(site.takeAsked(moved.layers), moved.layers.slice(layers.length));
      assert.deepEqual(lastOf(await pull(second, name, '--from', 'registry')), lastOf(events));
    });

    await step('without the registry the bucket tells what a tag is', async () => {
      await site.way.vanish();
      const kinds = (await pull(first, name)).map(({ kind }) => kind);
      assert.ok(!kinds.includes('resolved'), String(kinds));
      const failed = await first.lade('pull', name, '--from', 'registry');
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /Cannot reach registry \S+ for some\/app: ECONNREFUSED\n {2}→ /);
    });

    await step('an image is removed by its name', async () => {
      assert.equal(await first.ladeOrThrow('rmi', name), `${name} removed\n`);
      assert.ok((await places(first)).every(([, inBucket, inContainerd]) => inBucket && !inContainerd));
      assert.equal((await first.lade('rmi', name)).code, 1);
    });
  });
}

test('a pull whose daemon is killed goes on where it stopped', needsRoot, async (t) => {
  await using site = await Site.open(t);
  const { layers, restored } = await readImage(big);
  const bigLayer = layers.at(-1) ?? '';
  const node = await site.node('node', '2.1');
  const name = await site.push(big, 'big');
  site.spoil(({ path, range }) => {
    if (!path.endsWith(bigLayer)) return undefined;
    return range === undefined ? { kind: 'half-body' } : { kind: 'silence' };
  });
  const broken = node.lade('pull', name);
  await waitUntil('the layers below are committed', async () => {
    const snapshots = await node.ctr('snapshots', '--snapshotter', 'lade', 'list');
    const committed = snapshots.match(/Committed/g)?.length;
    return site.way.counts().silence > 0 && committed === layers.length - 1;
  });
  await node.killDaemon();
  assert.equal((await broken).code, 1);
  site.takeAsked([]);
  const ranges: (string | undefined)[] = [];
  site.spoil(({ path, range }) => {
    if (path.endsWith(bigLayer)) ranges.push(range);
    return undefined;
  });
  await node.startDaemon();
  const events = await pull(node, name);
  assert.deepEqual(lastOf(events), { kind: 'restored', name, ...restored, source: 'registry' });
  assert.deepEqual(site.takeAsked(layers), [bigLayer]);
  assert.match(ranges[0] ?? '', /^bytes=[1-9]\d*-$/);
  assert.equal(await node.run(name, '/bin/busybox', 'wc', '-c', '/noise'), `${NOISE_BYTES} /noise\n`);
});

/** What came, and what waits, depends on what there was. */
function lastOf(events: readonly PullEvent[]): object {
  const last = events.at(-1);
  assert.ok(last?.kind === 'restored');
  const { downloadedBytes = 0, layersToUpload = 0, ...rest } = last;
  assert.ok(downloadedBytes > 0 === events.some((event) => event.kind === 'downloading' && event.bytes > 0));
  assert.ok(layersToUpload <= last.layers);
  return rest;
}

async function pull(node: LadeNode, ...args: readonly string[]): Promise<PullEvent[]> {
  const lines = (await node.ladeOrThrow('pull', '--json', ...args)).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as PullEvent);
}

function layersTold(events: readonly PullEvent[], kind: PullEvent['kind']): Digest[] {
  return events.flatMap((event) => (event.kind === kind && 'diffId' in event ? [event.diffId] : []));
}

async function places(node: LadeNode): Promise<[name: string, inBucket: boolean, inContainerd: boolean][]> {
  const images = JSON.parse(await node.ladeOrThrow('images', '--json')) as readonly ImageSummary[];
  return images.map(({ name, inBucket, inContainerd }) => [name, inBucket, inContainerd]);
}
