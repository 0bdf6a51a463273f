import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainId, digestOf } from '@lade/oci';
import { openDatabase } from '@lade/sqlite';
import { countLayerUsers, findSnapshotLevels } from './index.ts';
import { SnapshotStore } from './snapshot-store.ts';

const [BASE, TOP] = [digestOf('base'), digestOf('top')];
const CHAIN = chainId(BASE, TOP);

test('what a container stands on is found by namespace and key, bottom first, and who else does', () => {
  const db = openDatabase(':memory:');
  const store = new SnapshotStore(db, { committed() {}, unpacked() {} });
  const commit = (name: string, parent: string, diffId: typeof BASE): void => {
    const key = `extract ${name}`;
    store.stage({ key, parent, kind: 'active', labels: {} }, { diffId, publishedChain: undefined });
    store.commit(name, key, { labels: {}, parent: '' });
  };
  commit('k8s.io/1/base', '', BASE);
  commit('k8s.io/2/top', 'k8s.io/1/base', TOP);
  const before = Date.now();
  const run = (key: string, parent: string, kind: 'active' | 'view' = 'active'): unknown =>
    store.create({ key, parent, kind, labels: {} }, () => {});
  run('k8s.io/3/a', 'k8s.io/2/top');
  run('k8s.io/4/b', 'k8s.io/1/base', 'view');
  run('default/5/a', 'k8s.io/1/base');
  run('k8s.io/6/none', '');
  const found = findSnapshotLevels(db, 'k8s.io', 'a');
  assert.deepEqual(found?.levels, [
    { diffId: BASE, chainId: BASE },
    { diffId: TOP, chainId: CHAIN },
  ]);
  assert.ok(Math.abs(found.createdAt.getTime() - before) < 60_000);
  assert.deepEqual(findSnapshotLevels(db, 'default', 'a')?.levels, [{ diffId: BASE, chainId: BASE }]);
  assert.deepEqual(findSnapshotLevels(db, 'k8s.io', 'none')?.levels, []);
  for (const [namespace, key] of [
    ['k8s.io', 'top'],
    ['k8s', 'a'],
    ['default', 'b'],
    ['k8s.io/3', 'a'],
  ] as const)
    assert.equal(findSnapshotLevels(db, namespace, key), undefined);
  assert.deepEqual([...countLayerUsers(db)].sort(), [[BASE, 3] as const, [TOP, 1] as const].sort());
});
