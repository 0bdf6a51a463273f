import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import type { AgreedTerms, IdMapper } from './ports.ts';
import type { Snapshotter } from './snapshotter.ts';
import { openTestBed, type TestBed } from './testing/test-bed.ts';

const UIDS = 'containerd.io/snapshot/uidmapping';
const MAPPED = { [UIDS]: '0:100000:65536', 'containerd.io/snapshot/gidmapping': '0:200000:65536' };
const TERMS: AgreedTerms = { leavesIdsToUs: async () => true, layersApart: async () => 'never' };
const needsRoot = {
  skip: process.getuid?.() !== 0 && process.env['CI'] === undefined && 'SKIPPED: changes owners, needs root',
};

/** Mounts in name only. */
class RecordingMapper implements IdMapper {
  readonly mounted = new Map<string, readonly string[]>();
  failure: Error | undefined;

  async mount(...[folder, directories, mapping]: Parameters<IdMapper['mount']>): Promise<void> {
    if (this.failure) throw this.failure;
    assert.deepEqual(mapping, { uids: '0:100000:65536', gids: '0:200000:65536' });
    assert.deepEqual(await readdir(folder), []);
    assert.ok(!this.mounted.has(folder), `${folder} is mounted already`);
    this.mounted.set(folder, directories);
  }

  async unmount(folder: string): Promise<void> {
    this.mounted.delete(folder);
  }
}

async function openStack(
  bed: TestBed,
  mapper: IdMapper,
): Promise<{ snapshotter: Snapshotter; lower: string[] }> {
  const snapshotter = await bed.open({ mapper, terms: TERMS });
  const layers = [await bed.layers.add('chown 3:4 .'), await bed.layers.add('chmod 0750 .; chown 7:8 .')];
  for (const [i, layer] of layers.entries()) {
    await snapshotter.prepare('extract', i === 0 ? '' : 'layer-0');
    snapshotter.attachLayer('extract', layer);
    snapshotter.commit(`layer-${i}`, 'extract');
  }
  const paths = await Promise.all(layers.map(async (layer) => bed.layers.mount(layer, {})));
  return { snapshotter, lower: paths.toReversed() };
}

test(
  'lower directories are mounted with mapped ids, anew at every asking, and go with the snapshot',
  needsRoot,
  async () => {
    await using bed = await openTestBed();
    const mapper = new RecordingMapper();
    const { snapshotter, lower } = await openStack(bed, mapper);
    const own = (id: number, n: number): string => join(bed.root, 'mapped', String(id), String(n));
    const [mount] = await snapshotter.prepare('run', 'layer-1', MAPPED);
    assert.equal(mount?.options.at(-1), `lowerdir=${own(3, 0)}:${own(3, 1)}`);
    assert.ok(mount.options.every((option) => !option.includes('map=')));
    const { uid, gid, mode } = await stat(join(bed.root, 'snapshots/3/fs'));
    assert.deepEqual([uid, gid, mode & 0o7777], [100_007, 200_008, 0o750]);
    assert.deepEqual(await snapshotter.mounts('run'), [mount]);
    assert.deepEqual([...mapper.mounted], [[join(bed.root, 'mapped/3'), lower]]);
    const views = [
      await snapshotter.view('two', 'layer-1', MAPPED),
      await snapshotter.view('one', 'layer-0', MAPPED),
    ];
    assert.equal(views[0]?.[0]?.options.at(-1), `lowerdir=${own(4, 0)}:${own(4, 1)}`);
    assert.deepEqual(views[1], [{ type: 'bind', source: own(5, 0), target: '', options: ['ro', 'rbind'] }]);

    const next = await bed.open({ mapper, terms: TERMS });
    assert.deepEqual(await next.mounts('two'), views[0]);
    for (const key of ['run', 'two', 'one']) next.remove(key);
    await next.cleanup();
    assert.deepEqual([...mapper.mounted], []);
    assert.deepEqual(await readdir(join(bed.root, 'mapped')), []);
  },
);

test('what has nothing below it needs no mapping but of its owner', needsRoot, async () => {
  await using bed = await openTestBed();
  const mapper = new RecordingMapper();
  const snapshotter = await bed.open({ mapper, terms: TERMS });
  const [mount] = await snapshotter.prepare('run', '', MAPPED);
  assert.deepEqual(mount?.options, ['rw', 'rbind']);
  const { uid, gid } = await stat(mount.source);
  assert.deepEqual([uid, gid], [100_000, 200_000]);
  assert.deepEqual([...mapper.mounted], []);
});

test('containerd that changes owners itself gets the directories as they are', async () => {
  await using bed = await openTestBed();
  const mapper = new RecordingMapper();
  const { lower } = await openStack(bed, mapper);
  for (const terms of [undefined, { ...TERMS, leavesIdsToUs: async () => false }]) {
    const snapshotter = await bed.open({ mapper, ...(terms ? { terms } : {}) });
    const [mount] = await snapshotter.prepare('run', 'layer-1', MAPPED);
    assert.equal(mount?.options.at(-1), `lowerdir=${lower.join(':')}`);
    snapshotter.remove('run');
  }
  assert.deepEqual([...mapper.mounted], []);
});

test('a mapping that is refused, or cannot be made, leaves no snapshot', async () => {
  await using bed = await openTestBed();
  const mapper = new RecordingMapper();
  const { snapshotter } = await openStack(bed, mapper);
  const nonsense = { ...MAPPED, [UIDS]: '-1:-1:-2' };
  await assert.rejects(snapshotter.prepare('run', 'layer-1', nonsense), (e) =>
    isCodedError(e, 'invalid_argument'),
  );
  mapper.failure = new Error('no such kernel');
  for (const make of ['prepare', 'view'] as const) {
    await assert.rejects(snapshotter[make]('run', 'layer-1', MAPPED), /no such kernel/);
    assert.throws(
      () => snapshotter.stat('run'),
      (e) => isCodedError(e, 'not_found'),
    );
  }
  await snapshotter.cleanup();
  assert.deepEqual(await readdir(join(bed.root, 'mapped')), []);
});

test('mounts of snapshots that are gone are undone at the start, and never emptied', needsRoot, async () => {
  await using bed = await openTestBed();
  const mapper = new RecordingMapper();
  const { snapshotter } = await openStack(bed, mapper);
  await snapshotter.prepare('run', 'layer-1', MAPPED);
  bed.db.exec("DELETE FROM snapshots WHERE key = 'run'");
  await bed.open({ mapper, terms: TERMS });
  assert.deepEqual([...mapper.mounted], []);
  assert.deepEqual(await readdir(join(bed.root, 'mapped')), []);
});
