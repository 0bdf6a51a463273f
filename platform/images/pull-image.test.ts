import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import { SILENT } from '@lade/log';
import { MEDIA_TYPES, chainIds, digestOf, parseReference, type Descriptor, type Digest } from '@lade/oci';
import { collectBytes, fromBytes, type ByteSource } from '@lade/streams';
import {
  SharedDownloads,
  imageKey,
  publishImage,
  pullImage,
  type NodeImages,
  type NodeLayers,
  type PreparedLayer,
  type PullEvent,
  type PullOptions,
  type RegistryImage,
} from './index.ts';
import { AMD64, ARM64, Content, DIFF_IDS, NAME, failsWith } from './testing/content.ts';

const CHAINS = chainIds(DIFF_IDS);

/** A containerd that has what is in its sets, and layers that come from nowhere but the registry. */
class Node implements NodeImages, NodeLayers {
  readonly stored = new Set<Digest>();
  readonly snapshots = new Set<Digest>();
  readonly images = new Map<string, Digest>();
  /** Chains that the bucket has. */
  readonly inBucket = new Set<Digest>();
  leases = 0;
  abandoned = 0;

  async lease(): Promise<AsyncDisposable> {
    this.leases++;
    return { [Symbol.asyncDispose]: async () => void this.leases-- };
  }

  expectLayers(): AsyncDisposable {
    return { async [Symbol.asyncDispose]() {} };
  }

  async layerPresent(chain: Digest): Promise<boolean> {
    return this.inBucket.has(chain) || this.snapshots.has(chain);
  }

  async readContent(): Promise<undefined> {}

  async putContent({ digest }: Descriptor, bytes: Uint8Array): Promise<void> {
    assert.equal(digestOf(bytes), digest);
    this.stored.add(digest);
  }

  async storeLayer({ digest }: Descriptor, bytesFrom: (offset: number) => ByteSource): Promise<void> {
    assert.equal(digestOf(await collectBytes(bytesFrom(0), 1000)), digest);
    this.stored.add(digest);
  }

  async prepareLayer(chain: Digest, parent: Digest | undefined): Promise<PreparedLayer | undefined> {
    assert.ok(parent === undefined || (await this.layerPresent(parent)), 'layers come bottom first');
    if (await this.layerPresent(chain)) return undefined;
    return {
      unpack: async ({ digest }) => {
        assert.ok(this.stored.has(digest), 'a layer is unpacked when it is stored');
        this.snapshots.add(chain);
      },
      [Symbol.asyncDispose]: async () => void (this.snapshots.has(chain) || this.abandoned++),
    };
  }

  async putImage(name: string, { digest }: Descriptor): Promise<void> {
    this.images.set(name, digest);
  }
}

/** A registry with the blobs of a Content, that notes what it is asked for. */
class Registry implements RegistryImage {
  readonly asked: Digest[] = [];
  readonly #content: Content;
  target: Descriptor | CodedError;

  constructor(content: Content, target: Descriptor | CodedError) {
    this.#content = content;
    this.target = target;
  }

  async resolve(): Promise<Descriptor> {
    if (this.target instanceof CodedError) throw this.target;
    return this.target;
  }

  async manifest({ digest }: Descriptor): Promise<Uint8Array> {
    return this.#take(digest);
  }

  async *blob({ digest }: Descriptor): AsyncGenerator<Uint8Array> {
    yield* fromBytes(this.#take(digest));
  }

  #take(digest: Digest): Uint8Array {
    this.asked.push(digest);
    const bytes = this.#content.blobs.get(digest);
    if (!bytes) throw new CodedError('not_found', `Cannot read ${digest}: the registry lacks it`);
    return bytes;
  }
}

const GONE = new CodedError('unavailable', 'Cannot find image: nobody answers');

/** An image whose layers are there too. */
function fill(content: Content): Descriptor[] {
  return DIFF_IDS.map((id) => {
    const bytes = Buffer.from(`gzip of ${id}`);
    content.blobs.set(digestOf(bytes), bytes);
    return { mediaType: MEDIA_TYPES.layerGzip, digest: digestOf(bytes), size: bytes.byteLength };
  });
}

interface Scene {
  readonly bucket: Bucket;
  readonly node: Node;
  readonly registry: Registry;
}

async function pull(scene: Scene, changes: Partial<PullOptions> = {}, name = NAME): Promise<PullEvent[]> {
  const { bucket, node, registry } = scene;
  const options = { from: 'any', downloads: new SharedDownloads(), platform: AMD64, log: SILENT } as const;
  return Array.fromAsync(pullImage(name, { bucket, node, registry: () => registry, ...options, ...changes }));
}

const kindsOf = (events: readonly PullEvent[]): string[] =>
  events.map((event) => ('number' in event ? `${event.kind} ${event.number}` : event.kind));

test('an image that only the registry knows comes from there, but for layers that the bucket has', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const layers = fill(content);
  const manifest = content.addManifest(AMD64, { layers });
  const target = content.addIndex([content.addManifest(ARM64), manifest]);
  const node = new Node();
  node.inBucket.add(CHAINS[0] as Digest);
  const registry = new Registry(content, target);
  const events = await pull({ bucket, node, registry }, {}, 'python:3.12');
  assert.deepEqual(events[0], { kind: 'resolved', digest: target.digest, layers: 2, source: 'registry' });
  assert.deepEqual(events.at(-1), {
    kind: 'restored',
    name: NAME,
    digest: target.digest,
    layers: 2,
    source: 'registry',
    downloadedBytes: layers[1]?.size,
  });
  assert.deepEqual(kindsOf(events).slice(1, -1), [
    'fetching 1',
    'present 1',
    'fetching 2',
    'downloading 2',
    'converting 2',
    'present 2',
  ]);
  assert.ok(!registry.asked.includes(layers[0]?.digest as Digest));
  assert.deepEqual([...node.images], [[NAME, target.digest]]);
  assert.ok(node.stored.has(manifest.digest) && node.stored.has(target.digest));
  assert.deepEqual([node.leases, node.abandoned], [0, 0]);
});

test('the registry says what a tag is, and the bucket where it does not', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const layers = fill(content);
  const target = content.addManifest(AMD64, { layers });
  await publishImage({ name: NAME, target }, { content, bucket });
  const moved = content.addIndex([target]);
  const cases: readonly (readonly [RegistryImage['resolve'] | Descriptor | CodedError, Digest, boolean])[] = [
    [target, target.digest, false],
    [GONE, target.digest, false],
    [moved, moved.digest, true],
  ];
  for (const [answer, digest, isFetched] of cases) {
    const node = new Node();
    for (const chain of CHAINS) node.inBucket.add(chain);
    const registry = new Registry(content, answer as Descriptor);
    const events = await pull({ bucket, node, registry });
    assert.equal(events[0]?.kind === 'resolved', isFetched);
    assert.equal(node.images.get(NAME), digest);
    assert.equal(registry.asked.length > 0, isFetched);
  }
});

test('an image that is named by its digest is taken from the bucket without asking', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64, { layers: fill(content) });
  const { name } = parseReference(`python:3.12@${target.digest}`);
  await publishImage({ name, target }, { content, bucket });
  const node = new Node();
  for (const chain of CHAINS) node.inBucket.add(chain);
  const registry = new Registry(content, GONE);
  registry.resolve = async () => assert.fail('the registry was asked');
  await pull({ bucket, node, registry }, {}, name);
  assert.equal(node.images.get(name), target.digest);
});

test('what the bucket cannot give comes from the registry, where there is one', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64, { layers: fill(content) });
  await publishImage({ name: NAME, target }, { content, bucket });
  const scene = { bucket, node: new Node(), registry: new Registry(content, target) };
  const kinds = kindsOf(await pull(scene));
  assert.deepEqual(kinds.slice(0, 2), ['fetching 1', 'resolved']);
  assert.equal(scene.node.images.get(NAME), target.digest);
  scene.node = new Node();
  scene.registry = new Registry(content, GONE);
  await assert.rejects(pull(scene), failsWith('not_found', /the bucket lacks layer/));
  assert.equal(scene.node.images.size, 0);
  await bucket.put(imageKey(NAME), Buffer.from('{"version":1}'));
  await assert.rejects(
    pull(scene),
    failsWith('unavailable', /Cannot pull image .*python:3\.12, for memory: fails \(.*\): .*nobody answers/),
  );
  await assert.rejects(pull(scene, { from: 'bucket' }), failsWith('data_loss', /image record/));
});

test('the source that is named is the only one', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64, { layers: fill(content) });
  const registry = new Registry(content, target);
  const node = new Node();
  await assert.rejects(
    pull({ bucket, node, registry }, { from: 'bucket' }),
    failsWith('not_found', /Cannot find image .* in memory:/),
  );
  await publishImage({ name: NAME, target }, { content, bucket });
  assert.equal((await pull({ bucket, node, registry }, { from: 'registry' }))[0]?.kind, 'resolved');
  await publishImage({ name: 'speaker:latest', target }, { content, bucket });
  assert.equal(
    (await pull({ bucket, node, registry: new Registry(content, GONE) }, {}, 'speaker:latest')).length,
    5,
  );
  assert.equal(node.images.get('speaker:latest'), target.digest, 'a name that is not full is kept as it is');
});

test('what cannot be unpacked here is refused before anything is brought', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  const cases: readonly (readonly [Descriptor, RegExp])[] = [
    [content.addManifest(AMD64, { layer: foreign }), /is application\/vnd\.docker.*foreign/],
    [content.addManifest(AMD64, { layer: 'application/vnd.cncf.helm.chart' }), /is application\/vnd\.cncf/],
    [content.addManifest(AMD64, { layers: [] }), /its config has 2 layers, its manifest 0/],
    [content.addIndex([content.addManifest(ARM64)]), /on linux\/amd64: it is made for linux\/arm64\/v8/],
  ];
  for (const [target, state] of cases) {
    const node = new Node();
    const scene = { bucket, node, registry: new Registry(content, target) };
    await assert.rejects(pull(scene, { from: 'registry' }), state);
    assert.deepEqual([node.stored.size, node.leases], [0, 0]);
  }
});

test('a pull that fails keeps its lease, and gives up the layer that did not come', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const layers = fill(content);
  const target = content.addManifest(AMD64, { layers });
  const scene = { bucket, node: new Node(), registry: new Registry(content, target) };
  const lost = layers[1] as Descriptor;
  const bytes = content.blobs.get(lost.digest) as Uint8Array;
  content.blobs.delete(lost.digest);
  await assert.rejects(pull(scene), failsWith('not_found', /the registry lacks it/));
  assert.equal(scene.node.images.size, 0);
  assert.equal(scene.node.leases, 1);
  content.blobs.set(lost.digest, bytes);
  assert.equal(scene.node.abandoned, 1);
  await pull(scene);
  assert.equal(scene.node.images.get(NAME), target.digest);
});

test('SharedDownloads: who comes later joins, and who leaves does not end it for the other', async () => {
  const downloads = new SharedDownloads();
  const told: string[] = [];
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const run = async (who: string, signal: AbortSignal): Promise<void> =>
    downloads.run(
      'layer',
      async (tell, shared) => {
        runs++;
        tell(1);
        await gate.promise;
        shared.throwIfAborted();
        tell(2);
      },
      { tell: (bytes) => told.push(`${who} ${bytes}`), signal },
    );
  const leaving = new AbortController();
  const first = run('first', leaving.signal);
  const second = run('second', new AbortController().signal);
  leaving.abort(new Error('left'));
  await assert.rejects(first, /left/);
  gate.resolve();
  await second;
  assert.equal(runs, 1);
  assert.deepEqual(told, ['first 1', 'second 2']);
});
