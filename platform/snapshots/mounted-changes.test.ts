import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Digest } from '@lade/oci';
import type { Mount } from './mount.ts';
import type { Snapshotter } from './snapshotter.ts';
import { openTestBed, type TestBed } from './testing/test-bed.ts';

const skip =
  process.getuid?.() !== 0 &&
  process.env['CI'] === undefined &&
  'SKIPPED: gives directories away, which needs root';

const content = (bed: TestBed, id: number): string => join(bed.root, 'snapshots', String(id), 'fs');

/** Commits a snapshot that has a layer, or else a directory of its own. */
async function commit(snapshotter: Snapshotter, name: string, parent: string, layer?: Digest): Promise<void> {
  await snapshotter.prepare(`new ${name}`, parent);
  if (layer) snapshotter.attachLayer(`new ${name}`, layer);
  snapshotter.commit(name, `new ${name}`);
}

/** Views of these snapshots. */
async function viewsOf(snapshotter: Snapshotter, ...parents: readonly string[]): Promise<Mount[][]> {
  return Promise.all(parents.map(async (parent) => snapshotter.view(`view of ${parent}`, parent)));
}

test('the changes of an active snapshot are its directory, on a parent and on nothing', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const base = await snapshotter.prepare('base', '');
  const expected = { directory: content(bed, 1), correction: undefined, layer: undefined, keys: ['base'] };
  const [empty = []] = await viewsOf(snapshotter, '');
  assert.deepEqual(snapshotter.changesBetween(empty, base), expected);
  assert.deepEqual(snapshotter.changesBetween([], base), expected);
  await commit(snapshotter, 'parent', '');
  const child = await snapshotter.prepare('child', 'parent');
  const [parent = []] = await viewsOf(snapshotter, 'parent');
  assert.deepEqual(snapshotter.changesBetween(parent, child), {
    directory: content(bed, 4),
    correction: undefined,
    layer: undefined,
    keys: ['child'],
  });
});

test('the changes of a committed snapshot are found in its view', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const layer = await bed.layers.add(': > file');
  await commit(snapshotter, 'layer', '', layer);
  await commit(snapshotter, 'files', 'layer');
  await commit(snapshotter, 'same layer', 'files', layer);
  const [onlyLayer = [], files = [], top = []] = await viewsOf(snapshotter, 'layer', 'files', 'same layer');
  const shared = {
    directory: await bed.layers.mount(layer, {}),
    correction: undefined,
    layer,
    keys: ['layer', 'same layer'],
  };
  assert.deepEqual(snapshotter.changesBetween([], onlyLayer), shared);
  assert.deepEqual(snapshotter.changesBetween(onlyLayer, files), {
    directory: content(bed, 2),
    correction: undefined,
    layer: undefined,
    keys: ['files'],
  });
  assert.deepEqual(snapshotter.changesBetween(files, top), shared);
});

test('the changes of a layer come with the correction that lies on it', { skip }, async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await commit(snapshotter, 'below', '', await bed.layers.add('mkdir -m 0700 etc'));
  const layer = await bed.layers.add('mkdir etc; : > etc/file', ['etc']);
  await commit(snapshotter, 'corrected', 'below', layer);
  const child = await snapshotter.prepare('child', 'corrected');
  const [below = [], corrected = []] = await viewsOf(snapshotter, 'below', 'corrected');
  const [fix = ''] = await readdir(join(bed.root, 'fixes'));
  assert.deepEqual(snapshotter.changesBetween(below, corrected), {
    directory: await bed.layers.mount(layer, {}),
    correction: join(bed.root, 'fixes', fix),
    layer,
    keys: ['corrected'],
  });
  assert.deepEqual(snapshotter.changesBetween(corrected, child)?.keys, ['child']);
});

test('mounts of others, and of snapshots that are not parent and child, have no changes', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await commit(snapshotter, 'a', '');
  await commit(snapshotter, 'b', 'a');
  await commit(snapshotter, 'c', 'b');
  const [a = [], b = [], c = []] = await viewsOf(snapshotter, 'a', 'b', 'c');
  const active = await snapshotter.prepare('active', 'c');
  const attached = await snapshotter.prepare('attached', 'c');
  snapshotter.attachLayer('attached', await bed.layers.add(': > file'));
  const foreign = [{ type: 'bind', source: '/somewhere', target: '', options: ['rw'] }];
  const [first] = c;
  assert.ok(first);
  const cases: Record<string, readonly [readonly Mount[], readonly Mount[]]> = {
    'a grandparent': [a, c],
    nothing: [[], b],
    'the same': [c, c],
    'the other way round': [c, b],
    'nothing on nothing': [[], []],
    'another parent': [b, active],
    'what another wrote': [[], foreign],
    'what another has below': [foreign, b],
    'two mounts': [b, [...c, ...c]],
    'a mount below': [b, [{ ...first, target: 'usr' }]],
    'another kind of mount': [b, [{ ...first, type: 'fuse' }]],
    'a directory that a layer has replaced': [c, attached],
  };
  for (const [what, [left, right]] of Object.entries(cases))
    assert.equal(snapshotter.changesBetween(left, right), undefined, what);
  assert.ok(snapshotter.changesBetween(c, active));
  assert.ok(snapshotter.changesBetween(b, c));
});
