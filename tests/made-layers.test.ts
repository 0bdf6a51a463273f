import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ContainerdClient, type Mount } from '@lade/containerd-client';
import { MEDIA_TYPES, chainId, chainIds, digestOf, hexOf, type Descriptor, type Digest } from '@lade/oci';
import { compareTrees, startOrigin, unpackSet } from '@lade/sandbox';
import { TarDecoder, type TarEntry } from '@lade/tar';
import type { LadeNode } from '@lade/tour';
import { changeTree } from './change-tree.ts';
import { CACHE } from './programs.ts';
import { SnapshotSite } from './snapshot-site.ts';
import { Testbed, inSteps, listObjects, needsRoot, readImage } from './testbed.ts';

/*
 * Layers that Lade makes from snapshots. A container's changes become a layer; that layer, unpacked by containerd's own differ
 * for overlayfs, gives the tree that the container saw, as does the layer that containerd's own differ makes of the same
 * snapshot, which only lacks extended attributes.
 */
const EPOCH = new Date('2001-02-03T04:05:06.789Z');
const STARTED_SECONDS = Math.floor(Date.now() / 1000);

for (const version of ['1.7', '2.1'] as const) {
  test(`layers made from snapshots, containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const image = await bed.image('odd');
    const bucketUrl = await bed.bucket('directory');
    const node = await bed.node('node', bucketUrl, version);
    await using origin = await startOrigin([image.layout]);
    const reference = `${origin.address}/${image.name}`;
    for (const snapshotter of ['overlayfs', 'lade']) await node.containerd.pull(reference, { snapshotter });
    const { diffIds } = await readImage(image);
    const chains = chainIds(diffIds);
    const top = chains.at(-1) ?? digestOf('');
    using client = ContainerdClient.open({ address: node.containerd.address });
    await using site = await SnapshotSite.open(client, join(bed.folder, 'trees'));
    const seen = await site.prepareAndMount('lade', 'container', top);
    changeTree(seen);
    const { left, right } = await site.activePair('lade', 'container', top);
    let made: Descriptor & { diffId: Digest } = { mediaType: '', digest: top, size: 0, diffId: top };

    await step('two runs make the same layer, which is labelled with its diff id', async () => {
      const layer = await client.diff.compare(left, right);
      assert.equal(layer.mediaType, MEDIA_TYPES.layerGzip);
      assert.equal(layer.annotations, undefined);
      const again = await client.diff.compare(left, right, { labels: { 'lade/test': 'again' } });
      assert.deepEqual(again, layer);
      const { size, labels } = await client.content.info(layer.digest);
      const tar = gunzipSync(await site.read(layer));
      assert.equal(size, layer.size);
      const diffId = digestOf(tar);
      assert.deepEqual(labels, { 'containerd.io/uncompressed': diffId, 'lade/test': 'again' });
      made = { ...layer, diffId };
      assert.deepEqual(await loggedDigests(node, 'layer made'), [layer.digest, layer.digest]);
    });

    await step('garbage collection leaves the new layer to those who come for it', async () => {
      const { id } = await client.leases.create();
      await client.leases.delete(id, { sync: true });
      assert.equal((await client.content.info(made.digest)).size, made.size);
    });

    await step('unpacked by containerd’s own differ, the layer gives the tree of the container', async () => {
      const unpacked = await site.unpack('overlayfs', 'from-lade', top, made);
      assert.deepEqual((await compareTrees(seen, unpacked)).filter(isUnexpected), []);
    });

    await step('the walking differ’s layer gives the same tree but for its extended attributes', async () => {
      const walked = await client.diff.compare(unknownToLade(left), right);
      assert.equal((await loggedDigests(node, 'layer made')).length, 2);
      const ours = site.pathOf('from-lade');
      const theirs = await site.unpack('overlayfs', 'walked', top, walked);
      const lost = /: xattr (?!security\.capability).* \| none$/s;
      const differences = await compareTrees(ours, theirs);
      assert.deepEqual(
        differences.filter((line) => !lost.test(line) && isUnexpected(line)),
        [],
      );
      assert.ok(differences.some((line) => line.includes('user.added')));
    });

    await step('unpacked by Lade the layer is there already, and goes to the bucket', async () => {
      const applied = await client.diff.apply(made, await site.prepare('lade', 'again', top));
      assert.equal(applied.digest, made.diffId);
      const unpacked = await loggedDigests(node, 'layer was made here');
      assert.deepEqual(unpacked, [made.digest]);
      const chain = chainId(top, made.diffId);
      await site.commit('lade', chain, 'again');
      assert.deepEqual(
        (await compareTrees(seen, await site.mountView('lade', chain))).filter(isUnexpected),
        [],
      );
      await node.uploaded();
      const keys = (await listObjects(bucketUrl)).map(({ key }) => key);
      assert.ok(keys.includes(`layers/sha256/${hexOf(made.diffId)}`));
      assert.ok(keys.includes(`chains/sha256/${hexOf(chain)}`));
    });

    await step('each media type has its packing, and others are left to the walking differ', async () => {
      const unpack = {
        layer: (bytes: Uint8Array) => bytes,
        layerZstd: zstdDecompressSync,
        dockerLayerGzip: gunzipSync,
      };
      for (const name of ['layer', 'layerZstd', 'dockerLayerGzip'] as const) {
        const mediaType = MEDIA_TYPES[name];
        const layer = await client.diff.compare(left, right, { mediaType, ref: `a ref for ${name}` });
        assert.equal(layer.mediaType, mediaType);
        assert.equal(digestOf(unpack[name](await site.read(layer))), made.diffId);
      }
      await assert.rejects(
        client.diff.compare(left, right, { mediaType: 'text/plain' }),
        /unsupported diff media type/,
      );
    });

    await step('no time in a layer is after the source date epoch', async () => {
      const layer = await client.diff.compare(left, right, { sourceDateEpoch: EPOCH });
      const entries = entriesOf(gunzipSync(await site.read(layer)));
      const seconds = Math.floor(EPOCH.getTime() / 1000);
      const times = entries.map(({ modified }) => modified);
      assert.equal(Math.max(...times.map((time) => time.seconds)), seconds);
      assert.ok(times.some((time) => time.seconds < 0));
      assert.ok(times.every(({ nanoseconds }) => nanoseconds === 0));
      const plain = entriesOf(gunzipSync(await site.read(made)));
      assert.deepEqual(
        entries.map(({ path }) => path),
        plain.map(({ path }) => path),
      );
    });

    await step('ctr snapshots diff prints the layer of a snapshot, and of a pair', async () => {
      const ctr = ['snapshots', '--snapshotter', 'lade', 'diff'];
      const printed = await printedBy(node, version, ...ctr, 'container');
      assert.equal(digestOf(printed), made.digest);
      const pair = await printedBy(
        node,
        version,
        ...ctr,
        '--media-type',
        MEDIA_TYPES.layer,
        top,
        'container',
      );
      assert.equal(digestOf(pair), made.diffId);
      assert.equal((await loggedDigests(node, 'layer made')).length, 8);
      const other = await printedBy(
        node,
        version,
        'snapshots',
        '--snapshotter',
        'overlayfs',
        'diff',
        'walked',
      );
      assert.ok(entriesOf(gunzipSync(other)).length > 0);
      assert.equal((await loggedDigests(node, 'layer made')).length, 8);
    });

    await step('layers made from pulled layers give the trees of these', async () => {
      for (const [i, chain] of chains.entries()) {
        const parent = chains[i - 1] ?? '';
        const before = (await loggedDigests(node, 'layer made')).length;
        const mounts = await site.committedPair('lade', chain, parent);
        const layer = await client.diff.compare(mounts.left, mounts.right);
        assert.equal((await loggedDigests(node, 'layer made')).length, before + 1);
        const unpacked = await site.unpack('overlayfs', `remade-${i}`, parent, layer);
        const expected = await site.mountView('lade', chain);
        assert.deepEqual((await compareTrees(expected, unpacked)).filter(isUnexpected), []);
      }
    });
  });
}

/** The digests that a daemon's log tells with this message. */
async function loggedDigests({ logFile }: LadeNode, message: string): Promise<Digest[]> {
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.startsWith('{'));
  const entries = lines.map((line) => JSON.parse(line) as { message: string; digest: Digest });
  return entries.filter((entry) => entry.message === message).map(({ digest }) => digest);
}

/** The same directories under other names, which only a differ that mounts them understands. */
function unknownToLade(mounts: readonly Mount[]): Mount[] {
  return mounts.map((mount) => ({
    ...mount,
    options: mount.options.map((option) => option.replace(/^lowerdir=[^:]*/, '$&/')),
  }));
}

/** Whether a line of compareTrees() tells of something that a layer has to carry. */
function isUnexpected(difference: string): boolean {
  if (difference.startsWith('.: ') || difference === 'new/socket: only left') return false;
  const [, ...numbers] = /: mtime (-?\d+)\.(\d{9}) \| (-?\d+)\.(\d{9})$/.exec(difference) ?? [];
  const [seconds = 0, , unpacked = 0, nanoseconds = 0] = numbers.map(Number);
  // Before 1970 there is no time for containerd's differ.
  const isTruncated = unpacked === Math.max(0, seconds) && nanoseconds === 0;
  // Of directories that no layer names, containerd's differ has the time of unpacking.
  const isOfUnpacking = unpacked >= STARTED_SECONDS && seconds < STARTED_SECONDS;
  return numbers.length === 0 || !(isTruncated || isOfUnpacking);
}

function entriesOf(tar: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  const decoder = new TarDecoder({
    raw: () => {},
    entry: (entry) => void entries.push(entry),
    data: () => {},
  });
  decoder.write(tar);
  decoder.end();
  return entries;
}

/** What ctr prints, as bytes. */
async function printedBy(
  { containerd }: LadeNode,
  version: '1.7' | '2.1',
  ...args: string[]
): Promise<Buffer> {
  const { folder } = await unpackSet(`containerd-${version}`, { cacheFolder: CACHE });
  const options = { encoding: 'buffer', maxBuffer: 1 << 28 } as const;
  const all = ['--address', containerd.address, ...args];
  return (await promisify(execFile)(join(folder, 'usr/bin/ctr'), all, options)).stdout;
}
