import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chainId, chainIds, digestOf, type Digest } from '@lade/oci';
import { migrate } from '@lade/sqlite';
import { SNAPSHOT_REF } from './snapshot.ts';
import { SCHEMA } from './snapshot-row.ts';
import type { Snapshotter } from './snapshotter.ts';
import { openTestBed, type TestBed } from './testing/test-bed.ts';

/** Commits a directory with one file, as containerd's own differ would have it. */
async function unpack(
  snapshotter: Snapshotter,
  name: string,
  parent = '',
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [mount] = await snapshotter.prepare(`default/1/extract-1-x ${name}`, parent, labels);
  const upper = mount?.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
  await writeFile(join(upper ?? mount?.source ?? '', 'file'), 'content');
  snapshotter.commit(name, `default/1/extract-1-x ${name}`, { labels });
}

const named = (chain: Digest): string => `default/7/${chain}`;

/** The lower directories of a snapshot, top first. */
async function lowerOf(snapshotter: Snapshotter, key: string): Promise<string[]> {
  const [mount] = await snapshotter.mounts(key);
  return (mount?.options.at(-1) ?? '').slice('lowerdir='.length).split(':');
}

async function addLayer(bed: TestBed): Promise<{ diffId: Digest; directory: string }> {
  const diffId = await bed.layers.add('echo content > file');
  return { diffId, directory: await bed.layers.mount(diffId, {}) };
}

test('plain snapshots are those with a chain id in label or name, parents first, one of each chain', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const [base, top, other] = chainIds([digestOf('base'), digestOf('top'), digestOf('other')]);
  assert.ok(base && top && other);
  await unpack(snapshotter, named(base));
  await unpack(snapshotter, 'labelled', named(base), { [SNAPSHOT_REF]: top, 'a/label': 'kept' });
  await unpack(snapshotter, `k8s.io/9/${base}`);
  await unpack(snapshotter, 'default/8/no-chain');
  await unpack(snapshotter, named(other), 'default/8/no-chain');
  await unpack(snapshotter, `default/9/x${other}`, '', { [SNAPSHOT_REF]: 'no digest' });
  assert.deepEqual(snapshotter.plainSnapshots(), [
    { key: named(base), labels: {}, chainId: base, parentChainId: undefined, layer: undefined },
    {
      key: 'labelled',
      labels: { [SNAPSHOT_REF]: top, 'a/label': 'kept' },
      chainId: top,
      parentChainId: base,
      layer: undefined,
    },
  ]);
  assert.equal(bed.unpacked.count, 4);
  assert.deepEqual(bed.commits, []);
});

test('a layer takes the place of the directory, which stays until the next boot', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const { diffId, directory } = await addLayer(bed);
  await unpack(snapshotter, named(diffId));
  await unpack(snapshotter, `k8s.io/9/${diffId}`);
  await snapshotter.prepare('container', named(diffId));
  const files = (id: number): string => join(bed.root, 'snapshots', String(id), 'fs');
  assert.deepEqual(await lowerOf(snapshotter, 'container'), [files(1)]);
  const before = await snapshotter.usage(named(diffId));

  assert.equal(snapshotter.replacePlain(undefined, diffId), 2);
  assert.deepEqual(bed.commits, [{ chainId: diffId, parentChainId: undefined, diffId }]);
  assert.deepEqual(snapshotter.plainSnapshots(), []);
  assert.deepEqual(await lowerOf(snapshotter, 'container'), [directory]);
  const layer = await bed.layers.usage(diffId);
  assert.deepEqual(await snapshotter.usage(named(diffId)), {
    sizeBytes: layer.sizeBytes + before.sizeBytes,
    inodes: layer.inodes + before.inodes,
  });
  await snapshotter.cleanup();
  assert.deepEqual((await bed.contents()).sort(), ['1', '2', '3']);

  const again = await bed.open();
  assert.deepEqual((await bed.contents()).sort(), ['1', '2', '3']);
  again.remove(`k8s.io/9/${diffId}`);
  await again.cleanup();
  assert.deepEqual((await bed.contents()).sort(), ['1', '3']);

  const rebooted = await bed.open({ boot: 'the next boot' });
  assert.deepEqual(await bed.contents(), ['3']);
  assert.deepEqual(rebooted.missing, []);
  assert.deepEqual(await rebooted.usage(named(diffId)), layer);
  assert.deepEqual(await lowerOf(rebooted, 'container'), [directory]);
});

test('a layer on top of a plain snapshot is published, and stays when its parent becomes a layer', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const [base, top] = [await addLayer(bed), await addLayer(bed)];
  await unpack(snapshotter, named(base.diffId));
  const chain = chainId(base.diffId, top.diffId);
  await snapshotter.prepare('extract', named(base.diffId));
  snapshotter.attachLayer('extract', top.diffId);
  snapshotter.commit(named(chain), 'extract');
  assert.deepEqual(bed.commits, [{ chainId: chain, parentChainId: base.diffId, diffId: top.diffId }]);
  await snapshotter.view('view', named(chain));
  assert.equal(snapshotter.replacePlain(undefined, base.diffId), 1);
  assert.deepEqual(await lowerOf(snapshotter, 'view'), [top.directory, base.directory]);
});

test('what another snapshot of the chain has is known as its layer', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const { diffId } = await addLayer(bed);
  await snapshotter.prepare('extract', '');
  snapshotter.attachLayer('extract', diffId);
  snapshotter.commit(named(diffId), 'extract');
  await unpack(snapshotter, `k8s.io/9/${diffId}`);
  assert.deepEqual(
    snapshotter.plainSnapshots().map(({ key, layer }) => [key, layer]),
    [[`k8s.io/9/${diffId}`, diffId]],
  );
});

test('a layer of another chain, or on another parent, replaces nothing', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const [base, top] = [await addLayer(bed), await addLayer(bed)];
  await unpack(snapshotter, named(base.diffId));
  await unpack(snapshotter, named(chainId(base.diffId, top.diffId)), named(base.diffId));
  assert.equal(snapshotter.replacePlain(undefined, top.diffId), 0);
  assert.equal(snapshotter.replacePlain(digestOf('another'), top.diffId), 0);
  assert.equal(snapshotter.plainSnapshots().length, 2);
  assert.deepEqual(bed.commits, []);
});

test('a listener that throws leaves the snapshot plain', async () => {
  await using bed = await openTestBed();
  const committed = (): never => {
    throw new Error('the queue is full');
  };
  const snapshotter = await bed.open({ listener: { committed, unpacked: () => {} } });
  const { diffId } = await addLayer(bed);
  await unpack(snapshotter, named(diffId));
  assert.throws(() => snapshotter.replacePlain(undefined, diffId), /queue is full/);
  assert.equal(snapshotter.plainSnapshots().length, 1);
});

test('a layer heals a snapshot whose directory is gone', async () => {
  await using bed = await openTestBed();
  const { diffId, directory } = await addLayer(bed);
  await unpack(await bed.open(), named(diffId));
  await rm(join(bed.root, 'snapshots', '1'), { recursive: true });
  const snapshotter = await bed.open();
  assert.deepEqual(snapshotter.missing, [named(diffId)]);
  snapshotter.replacePlain(undefined, diffId);
  await snapshotter.prepare('container', named(diffId));
  assert.deepEqual(await lowerOf(snapshotter, 'container'), [directory]);
  assert.deepEqual(await snapshotter.usage(named(diffId)), await bed.layers.usage(diffId));
});

test('containerd unpacks from the Prepare for a layer to its Commit, but not for longer than is believed', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await snapshotter.prepare('default/1/a container', '');
  assert.equal(snapshotter.isUnpacking(60_000), false);
  for (const labels of [{}, { [SNAPSHOT_REF]: digestOf('x') }]) {
    const key = labels[SNAPSHOT_REF] ? 'any' : `default/2/extract-123-abc ${digestOf('x')}`;
    await snapshotter.prepare(key, '', labels);
    assert.equal(snapshotter.isUnpacking(60_000), true);
    assert.equal(snapshotter.isUnpacking(-1), false);
    snapshotter.commit(`committed ${key}`, key);
    assert.equal(snapshotter.isUnpacking(60_000), false);
  }
});

test('snapshots of an earlier release get the chain ids of their labels and names', async () => {
  await using bed = await openTestBed();
  const [base, top] = chainIds([digestOf('base'), digestOf('top')]);
  assert.ok(base && top);
  migrate(bed.db, 'snapshots', SCHEMA.slice(0, 1));
  const insert = bed.db.prepare(`INSERT INTO snapshots (key, parent_id, kind, created_at, updated_at, labels)
    VALUES (?, ?, ?, 1, 1, ?)`);
  insert.run(named(base), null, 'committed', '{}');
  insert.run('labelled', 1, 'committed', JSON.stringify({ [SNAPSHOT_REF]: top }));
  insert.run(`default/9/x${top}`, 1, 'committed', '{}');
  insert.run(named(top), 1, 'active', '{}');
  for (const id of [1, 2, 3, 4])
    await mkdir(join(bed.root, 'snapshots', String(id), 'fs'), { recursive: true });
  const snapshotter = await bed.open();
  assert.deepEqual(
    snapshotter.plainSnapshots().map(({ key, chainId: chain }) => [key, chain]),
    [
      [named(base), base],
      ['labelled', top],
    ],
  );
});
