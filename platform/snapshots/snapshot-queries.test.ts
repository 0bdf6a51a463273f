import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestBed } from './testing/test-bed.ts';

test('10,000 snapshots: a target is found by its index, and walks see each snapshot once', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await snapshotter.prepare('base-active', '');
  snapshotter.commit('base', 'base-active');
  bed.db.exec(`
    WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
    INSERT INTO snapshots (key, parent_id, kind, created_at, updated_at, labels)
    SELECT 'k' || i, 1, 'committed', i, i, json_object('containerd.io/snapshot.ref', 'ref' || i, 'l', i % 10) FROM n`);
  const names = (...filters: string[]): string[] => [...snapshotter.walk(filters)].map(({ name }) => name);
  assert.equal(new Set(names()).size, 10_000);
  assert.equal(names('parent==base').length, 9_999);
  assert.equal(names('labels.l==3').length, 0, 'labels hold strings');
  for (let i = 1; i < 10_000; i += 7) {
    assert.deepEqual(names(`labels."containerd.io/snapshot.ref"==ref${i},parent=="base"`), [`k${i}`]);
    assert.equal(snapshotter.stat(`k${i}`).createdAt, BigInt(i));
  }
  assert.deepEqual(names('labels."containerd.io/snapshot.ref"==ref5', 'name==k5', 'name==k6').sort(), [
    'k5',
    'k6',
  ]);
  const plan = bed.db
    .prepare('EXPLAIN QUERY PLAN SELECT id FROM snapshots WHERE ref = ? AND id > ?')
    .all('x', 0);
  assert.match(String(plan[0]?.['detail']), /snapshots_by_ref/);
});
