import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentKey } from '@lade/content';
import { openBucket, type Bucket } from '@lade/bucket';
import { chainIds, digestOf, type Descriptor, type Digest, type Platform } from '@lade/oci';
import {
  imageKey,
  publishImage,
  readImageRecord,
  restoreImage,
  type NodeImages,
  type RestoreEvent,
} from './index.ts';
import { AMD64, ARM64, Content, DIFF_IDS, NAME, failsWith } from './testing/content.ts';

interface Put {
  readonly digest: Digest;
  readonly labels: Readonly<Record<string, string>>;
}

/** Notes what containerd is asked for. */
class Node implements NodeImages {
  readonly puts: Put[] = [];
  readonly layers: [chain: Digest, parent: Digest | undefined][] = [];
  readonly images: [name: string, digest: Digest][] = [];
  readonly expected: Digest[] = [];
  missing: Digest | undefined;
  leases = 0;

  async lease(): Promise<AsyncDisposable> {
    this.leases++;
    return { [Symbol.asyncDispose]: async () => void this.leases-- };
  }

  expectLayers({ chainIds }: Parameters<NodeImages['expectLayers']>[0]): AsyncDisposable {
    this.expected.push(...chainIds);
    return { async [Symbol.asyncDispose]() {} };
  }

  async layerPresent(chain: Digest, parent: Digest | undefined): Promise<boolean> {
    assert.equal(this.leases, 1);
    this.layers.push([chain, parent]);
    return chain !== this.missing;
  }

  async putContent({ digest, size }: Descriptor, bytes: Uint8Array, labels: Put['labels']): Promise<void> {
    assert.equal(digestOf(bytes), digest);
    assert.equal(bytes.byteLength, size);
    this.puts.push({ digest, labels });
  }

  async putImage(name: string, { digest }: Descriptor): Promise<void> {
    this.images.push([name, digest]);
  }
}

async function restore(bucket: Bucket, node: Node, platform: Platform = AMD64): Promise<RestoreEvent[]> {
  return Array.fromAsync(restoreImage(NAME, { bucket, node, platform }));
}

async function keysOf(bucket: Bucket): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(''))).map(({ key }) => key).sort();
}

test('an index with one manifest here is published with what that manifest needs, and restored elsewhere', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const manifest = content.addManifest(AMD64);
  const other = new Content().addManifest(ARM64);
  const attestation = content.addManifest({ os: 'unknown', architecture: 'unknown' });
  const chart = content.addManifest(ARM64, { config: 'application/vnd.cncf.helm.config.v1+json' });
  const proof = content.addManifest(ARM64, { layer: 'application/vnd.in-toto+json' });
  const target = content.addIndex([manifest, other, attestation, chart, proof]);
  const record = await publishImage({ name: NAME, target }, { content, bucket });
  assert.deepEqual(
    record.manifests.map(({ descriptor, chainIds }) => [descriptor.digest, chainIds]),
    [[manifest.digest, chainIds(DIFF_IDS)]],
  );
  const config = record.manifests[0]?.config as Descriptor;
  const objects = [manifest, target, config].map(({ digest }) => contentKey(digest));
  assert.deepEqual(
    await keysOf(bucket),
    [...objects, 'refs/images/docker.io%2Flibrary%2Fpython%3A3.12'].sort(),
  );
  assert.deepEqual(await readImageRecord(bucket, NAME), record);

  const node = new Node();
  const events = await restore(bucket, node);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['fetching', 'present', 'fetching', 'present', 'restored'],
  );
  const [base, top] = chainIds(DIFF_IDS) as [Digest, Digest];
  assert.deepEqual(node.layers, [
    [base, undefined],
    [top, base],
  ]);
  const ref = 'containerd.io/gc.ref';
  assert.deepEqual(node.puts, [
    { digest: config.digest, labels: { [`${ref}.snapshot.lade`]: top } },
    {
      digest: manifest.digest,
      labels: {
        [`${ref}.content.config`]: config.digest,
        [`${ref}.content.l.0`]: digestOf(`gzip of ${DIFF_IDS[0]}`),
        [`${ref}.content.l.1`]: digestOf(`gzip of ${DIFF_IDS[1]}`),
      },
    },
    {
      digest: target.digest,
      labels: {
        [`${ref}.content.m.0`]: manifest.digest,
        [`${ref}.content.m.1`]: other.digest,
        [`${ref}.content.m.2`]: attestation.digest,
        [`${ref}.content.m.3`]: chart.digest,
        [`${ref}.content.m.4`]: proof.digest,
      },
    },
  ]);
  assert.deepEqual(node.images, [[NAME, target.digest]]);
  assert.equal(node.leases, 0);
});

test('an image without an index is its manifest, and its platform is that of its config', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const { platform: _, ...target } = content.addManifest(AMD64);
  const record = await publishImage({ name: NAME, target }, { content, bucket });
  assert.deepEqual(record.manifests[0]?.platform, AMD64);
  const node = new Node();
  await restore(bucket, node);
  assert.equal(node.puts.length, 2);
  assert.deepEqual(node.images, [[NAME, target.digest]]);
});

test('nodes of two platforms publish one record, and a new target replaces it', async () => {
  await using bucket = await openBucket('memory:');
  const [here, there] = [new Content(), new Content()];
  const manifests = [here.addManifest(AMD64), there.addManifest(ARM64)];
  const target = here.addIndex(manifests);
  there.addIndex(manifests);
  const first = await publishImage({ name: NAME, target }, { content: here, bucket });
  const second = await publishImage({ name: NAME, target }, { content: there, bucket });
  assert.deepEqual(second.manifests.map(({ platform }) => platform.architecture).sort(), ['amd64', 'arm64']);
  assert.deepEqual(await publishImage({ name: NAME, target }, { content: here, bucket }), second);
  assert.notEqual(first.manifests.length, second.manifests.length);
  await restore(bucket, new Node(), { os: 'linux', architecture: 'arm64' });
  const newer = here.addManifest({ ...AMD64, variant: 'v2' });
  const third = await publishImage({ name: NAME, target: newer }, { content: here, bucket });
  assert.deepEqual(
    third.manifests.map(({ descriptor }) => descriptor.digest),
    [newer.digest],
  );
});

test('nodes that publish at the same time do not lose each other’s platform', async () => {
  await using bucket = await openBucket('memory:');
  const nodes = Array.from({ length: 4 }, () => new Content());
  const platform = (i: number): Platform => ({ os: 'linux', architecture: `arch${i}` });
  const manifests = nodes.map((content, i) => content.addManifest(platform(i)));
  const targets = nodes.map((content) => content.addIndex(manifests));
  const publish = (content: Content, i: number): Promise<unknown> =>
    publishImage({ name: NAME, target: targets[i] as Descriptor }, { content, bucket });
  await Promise.all(nodes.map(publish));
  assert.equal((await readImageRecord(bucket, NAME)).manifests.length, nodes.length);
});

test('an image of which no manifest is here cannot be published, and leaves no record', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addIndex([new Content().addManifest(AMD64)]);
  await assert.rejects(
    publishImage({ name: NAME, target }, { content, bucket }),
    failsWith('not_found', /python/),
  );
  assert.deepEqual(await keysOf(bucket), []);
});

test('content that is not what its digest says is never published', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const target = content.addManifest(AMD64);
  content.blobs.set(target.digest, Buffer.alloc(target.size));
  const damaged = failsWith('data_loss', new RegExp(target.digest));
  await assert.rejects(publishImage({ name: NAME, target }, { content, bucket }), damaged);
  content.blobs.set(target.digest, Buffer.alloc((8 << 20) + 1));
  await assert.rejects(publishImage({ name: NAME, target }, { content, bucket }), damaged);
  assert.deepEqual(await keysOf(bucket), []);
});

test('restoring fails, and names no image, when the bucket lacks or has damaged what it needs', async () => {
  await using bucket = await openBucket('memory:');
  const content = new Content();
  const manifest = content.addManifest(AMD64);
  const target = content.addIndex([manifest]);
  const record = await publishImage({ name: NAME, target }, { content, bucket });
  const node = new Node();
  node.missing = chainIds(DIFF_IDS)[1];
  await assert.rejects(
    restore(bucket, node),
    failsWith('not_found', new RegExp(`layer ${DIFF_IDS[1]}`), /registry/),
  );
  await assert.rejects(
    restore(bucket, new Node(), ARM64),
    failsWith('not_found', /for linux\/amd64, not linux\/arm64\/v8/),
  );

  const lying = {
    ...record.manifests[0],
    diffIds: [DIFF_IDS[0]],
    chainIds: [DIFF_IDS[0]],
    layers: [manifest],
  };
  await bucket.put(
    imageKey(NAME),
    Buffer.from(JSON.stringify({ ...record, version: 1, manifests: [lying] })),
  );
  await assert.rejects(restore(bucket, node), failsWith('data_loss', /record contradicts/, /refs\/images/));
  await bucket.put(imageKey(NAME), Buffer.from(JSON.stringify({ ...record, version: 1 })));

  const key = contentKey(manifest.digest);
  await bucket.put(key, Buffer.from('{}'));
  await assert.rejects(restore(bucket, node), failsWith('data_loss', new RegExp(key)));
  await bucket.delete([key]);
  await assert.rejects(
    restore(bucket, node),
    failsWith('not_found', new RegExp(`lacks content ${manifest.digest}`)),
  );
  // Content that nothing names goes with its lease.
  assert.deepEqual([node.images, node.leases], [[], 0]);
});
