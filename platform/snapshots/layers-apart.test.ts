import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { chainIds, type Digest } from '@lade/oci';
import { stackedDirectories, writableDirectory } from './mount.ts';
import { GC_REFERENCE, LAYER_DIFF_ID, SNAPSHOT_REF, type Info } from './snapshot.ts';
import type { Snapshotter } from './snapshotter.ts';
import { agreed, bucketOf, labelsOf, makeImage, type Image } from './testing/layers-apart.ts';
import { PRINT_TREE, runMounted } from './testing/private-mounts.ts';
import { openTestBed, type TestBed } from './testing/test-bed.ts';

/*
 * A containerd that unpacks layers side by side prepares all of them without a parent.
 */
const needsRoot = {
  skip:
    process.getuid?.() !== 0 &&
    process.env['CI'] === undefined &&
    'SKIPPED: mounts snapshots, which needs root',
};

/** What containerd takes over of a target that is said to exist, when it asks for it with this parent. */
async function existing(
  snapshotter: Snapshotter,
  key: string,
  labels: Record<string, string>,
  parent = '',
): Promise<Info> {
  await assert.rejects(
    async () => snapshotter.prepare(key, parent, labels),
    (reason) => isCodedError(reason, 'already_exists'),
  );
  const filter = `labels."${SNAPSHOT_REF}"==${labels[SNAPSHOT_REF]},parent==${JSON.stringify(parent)}`;
  const [info, ...others] = snapshotter.walk([filter]);
  assert.deepEqual(others, []);
  assert.ok(info);
  assert.deepEqual([info.kind, info.parent], ['committed', parent]);
  return info;
}

/** Has this layer committed without a parent, as `ns/<key>`. */
async function commitLayer(snapshotter: Snapshotter, key: string, layer: Digest): Promise<void> {
  await snapshotter.prepare(key, '');
  snapshotter.attachLayer(key, layer);
  snapshotter.commit(`ns/${key}`, key);
}

async function treeOf(snapshotter: Snapshotter, bed: TestBed, name: string): Promise<string> {
  const key = `view of ${name}`;
  const tree = await runMounted(await snapshotter.view(key, name), PRINT_TREE, bed.folder);
  snapshotter.remove(key);
  return tree;
}

test('staged layers mount read-only, are committed on the parent that comes, and are not published again', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  const remote = bucketOf(image);
  const snapshotter = await bed.open({ remote, ...agreed('staged') });
  const names = [(await existing(snapshotter, 'extract-0', labelsOf(image, 0))).name];
  for (const i of [1, 2]) {
    const mounts = await snapshotter.prepare(`extract-${i}`, '', labelsOf(image, i));
    assert.deepEqual(mounts, await snapshotter.mounts(`extract-${i}`));
    assert.deepEqual(mounts.at(-1)?.options, ['ro', 'rbind']);
    assert.equal(snapshotter.snapshotAt(mounts), undefined);
  }
  assert.deepEqual(remote.asked, ['0 on 0', '1 on any', '2 on any']);
  for (const i of [1, 2]) {
    snapshotter.commit(`ns/${i}`, `extract-${i}`, { labels: labelsOf(image, i), parent: names[i - 1] ?? '' });
    names.push(`ns/${i}`);
    assert.equal(snapshotter.stat(`ns/${i}`).parent, names[i - 1]);
  }
  assert.deepEqual(bed.commits, []);
  assert.deepEqual(await bed.contents(), []);
  const [mount] = await snapshotter.view('view', 'ns/2');
  assert.equal(mount && stackedDirectories([mount])?.length, 3);
});

test('a staged layer that is committed on another chain is published there', async () => {
  await using bed = await openTestBed();
  const [image, other] = [await makeImage(bed), await makeImage(bed)];
  const snapshotter = await bed.open({ remote: bucketOf(image), ...agreed('staged') });
  await commitLayer(snapshotter, 'other', other.diffIds[0]!);
  await snapshotter.prepare('extract', '', labelsOf(image, 1));
  snapshotter.commit('ns/here', 'extract', { parent: 'ns/other' });
  assert.deepEqual(
    bed.commits.map(({ parentChainId, diffId }) => [parentChainId, diffId]),
    [
      [undefined, other.diffIds[0]],
      [other.diffIds[0], image.diffIds[1]],
    ],
  );
});

test(
  'to containerd 2.2 layers exist without a parent, and stand on the one that they have',
  needsRoot,
  async () => {
    await using bed = await openTestBed();
    const image = await makeImage(bed);
    const snapshotter = await bed.open({ remote: bucketOf(image), ...agreed('exists') });
    const infos: Info[] = [];
    for (const i of image.chains.keys())
      infos.push(await existing(snapshotter, `extract-${i}`, labelsOf(image, i, false)));
    assert.deepEqual(
      infos.map(({ labels }) => labels[GC_REFERENCE]),
      [undefined, image.chains[0], image.chains[1]],
    );
    const [low, middle, top] = infos.map(({ name }) => name);
    const tree = await treeOf(snapshotter, bed, top ?? '');
    assert.match(tree, /one.*three.*two/s);
    await assert.rejects(
      async () => snapshotter.remove(middle ?? ''),
      (reason) => isCodedError(reason, 'failed_precondition'),
    );

    const again = await bed.open({ remote: bucketOf(image, []), ...agreed('exists') });
    assert.equal((await existing(again, 'once more', labelsOf(image, 1))).name, middle);
    assert.equal(await treeOf(again, bed, top ?? ''), tree);
    // A client that names parents gets snapshots that have them.
    const told = await existing(again, 'one after the other', labelsOf(image, 1), low);
    assert.notEqual(told.name, middle);
    again.remove(told.name);

    // containerd removes what has no parent in the order of the walk.
    const walked = [...again.walk()];
    for (const { name } of walked) again.remove(name);
    assert.deepEqual([...again.walk()], []);
    assert.deepEqual(bed.commits, []);
  },
);

test('an upper layer of one that is not here is a miss to containerd 2.2', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  const snapshotter = await bed.open({
    remote: bucketOf(image, [image.chains[0]!, image.chains[2]!]),
    ...agreed('exists'),
  });
  await existing(snapshotter, 'extract-0', labelsOf(image, 0, false));
  for (const i of [1, 2]) {
    const mounts = await snapshotter.prepare(`extract-${i}`, '', labelsOf(image, i, false));
    assert.equal(snapshotter.snapshotAt(mounts)?.key, `extract-${i}`);
  }
});

test('a parent of which somebody has only said what it is, is none to containerd 2.2', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  const snapshotter = await bed.open({
    remote: bucketOf(image, image.chains.slice(1)),
    ...agreed('exists'),
  });
  await snapshotter.prepare('files', '');
  snapshotter.commit('elsewhere/files', 'files', { labels: { [SNAPSHOT_REF]: image.chains[0]! } });
  const mounts = await snapshotter.prepare('extract', '', labelsOf(image, 1, false));
  assert.equal(snapshotter.snapshotAt(mounts)?.key, 'extract');
});

for (const mode of ['staged', 'exists'] as const) {
  test(`a layer that is here on another chain is not asked for (${mode}), and is published on this one`, async () => {
    await using bed = await openTestBed();
    const image = await makeImage(bed);
    const [low, , diffId] = image.diffIds as [Digest, Digest, Digest];
    const remote = bucketOf(image, []);
    const snapshotter = await bed.open({ remote, ...agreed(mode) });
    await commitLayer(snapshotter, 'low', low);
    await commitLayer(snapshotter, 'other', diffId);
    const twoHigh: Image = { diffIds: [low, diffId], chains: chainIds([low, diffId]) };
    bed.commits.length = 0;
    if (mode === 'exists') await existing(snapshotter, 'extract', labelsOf(twoHigh, 1));
    else {
      await snapshotter.prepare('extract', '', labelsOf(twoHigh, 1));
      snapshotter.commit('ns/high', 'extract', { parent: 'ns/low' });
    }
    await existing(snapshotter, 'sequential', labelsOf(twoHigh, 1), 'ns/low');
    assert.deepEqual(remote.asked, []);
    const commit = { chainId: twoHigh.chains[1], parentChainId: twoHigh.chains[0], diffId };
    assert.deepEqual(bed.commits, [commit]);
  });
}

test('a label of an image that denies that its layer has one below is not believed', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  const snapshotter = await bed.open({ remote: bucketOf(image, []), ...agreed('exists') });
  const lies = { ...labelsOf(image, 1, false), [LAYER_DIFF_ID]: image.diffIds[1]! };
  const [mount] = await snapshotter.prepare('extract', '', lies);
  assert.equal(mount?.type, 'overlay');
});

test('labels that do not make the target bring nothing', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  const snapshotter = await bed.open({ remote: bucketOf(image, []), ...agreed('staged') });
  await commitLayer(snapshotter, 'low', image.diffIds[0]!);
  const lies = { ...labelsOf(image, 1), [LAYER_DIFF_ID]: image.diffIds[0]! };
  const mounts = await snapshotter.prepare('extract', '', lies);
  assert.equal(snapshotter.snapshotAt(mounts)?.key, 'extract');
});

test(
  'whiteouts of files that are unpacked without a parent are for the parent that comes',
  needsRoot,
  async () => {
    await using bed = await openTestBed();
    const image = await makeImage(bed);
    for (const mode of ['staged', 'exists', undefined] as const) {
      const snapshotter = await bed.open({ remote: bucketOf(image, []), ...agreed(mode) });
      await commitLayer(snapshotter, 'low', image.diffIds[0]!);
      const [mount, ...others] = await snapshotter.prepare(
        'extract',
        '',
        labelsOf(image, 1, mode !== 'exists'),
      );
      assert.deepEqual(others, []);
      assert.equal(mount?.type, 'overlay');
      assert.equal(snapshotter.snapshotAt([mount])?.key, 'extract');
      const [again] = await snapshotter.mounts('extract');
      assert.deepEqual(again, mount);
      // As containerd's differ does when it is given an overlay mount.
      const upper = { type: 'bind', source: writableDirectory([mount]) ?? '', target: '', options: ['rw'] };
      await runMounted([upper], 'mknod one c 0 0; printf new > new', bed.folder);
      snapshotter.commit('ns/high', 'extract', { labels: labelsOf(image, 1), parent: 'ns/low' });
      assert.match(await treeOf(snapshotter, bed, 'ns/high'), /^\.\/new [^\n]*\n[^\n]*\n$/);
      for (const name of ['ns/high', 'ns/low']) snapshotter.remove(name);
    }
  },
);

test('without side by side, and for the lowest layer, mounts are what they were', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  for (const [mode, i, isNew] of [
    ['never', 1, false],
    ['staged', 0, true],
  ] as const) {
    const remote = bucketOf(image, []);
    const snapshotter = await bed.open({ remote, ...agreed(mode) });
    const [mount] = await snapshotter.prepare('extract', '', labelsOf(image, i, isNew));
    assert.equal(mount?.type, 'bind');
    assert.ok(
      remote.asked.every((question) => !question.endsWith('any')),
      remote.asked.join(),
    );
    snapshotter.remove('extract');
  }
});

test('what was staged and never committed is gone with its snapshot', async () => {
  await using bed = await openTestBed();
  const image = await makeImage(bed);
  const parts = { remote: bucketOf(image), ...agreed('staged' as const) };
  await (await bed.open(parts)).prepare('extract', '', labelsOf(image, 1));
  const again = await bed.open(parts);
  assert.deepEqual(again.missing, []);
  await again.cleanup();
  assert.ok(!bed.layers.released.includes(image.diffIds[1]!));
  again.remove('extract');
  await again.cleanup();
  assert.ok(bed.layers.released.includes(image.diffIds[1]!));
  assert.deepEqual(await bed.contents(), []);
});
