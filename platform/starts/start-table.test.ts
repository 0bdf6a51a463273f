import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@lade/oci';
import { openDatabase } from '@lade/sqlite';
import { StartTable, type Level, type Start } from './index.ts';

const CHAIN = digestOf('chain');
const layer = (name: string, origin: 'converted' | 'fetched', createdAt = new Date()): Level => ({
  chainId: digestOf(`chain of ${name}`),
  layer: { diffId: digestOf(name), origin, createdAt },
});
const start = (change: Partial<Start> = {}): Start => ({
  kind: 'warm',
  namespace: 'default',
  container: 'c',
  image: 'x',
  startedAt: new Date(),
  ms: 12.5,
  waits: 0,
  waitMs: 0,
  filledBytes: 0,
  isOver: false,
  ...change,
});

test('a start is first where a layer was converted here that no start here had before', () => {
  const table = new StartTable(openDatabase(':memory:'));
  const image = [layer('base', 'fetched'), layer('top', 'converted')];
  assert.ok(table.isFirst(CHAIN, image));
  table.insert(CHAIN, image, start());
  assert.ok(!table.isFirst(CHAIN, image));
  // Another image on it, whose own layer came from the bucket.
  assert.ok(!table.isFirst(digestOf('other'), [...image, layer('more', 'fetched')]));
  assert.ok(table.isFirst(digestOf('other'), [...image, layer('more', 'converted')]));
  assert.ok(!table.isFirst(digestOf('none'), [layer('base', 'fetched')]));
  // Converted once more, after it had gone.
  const again = layer('top', 'converted', new Date(Date.now() + 1_000));
  assert.ok(table.isFirst(digestOf('third'), [again]));
});

test('a layer that is older than the table may have been started before', () => {
  const table = new StartTable(openDatabase(':memory:'));
  const old = layer('old', 'converted', new Date(Date.now() - 60_000));
  assert.ok(!table.isFirst(CHAIN, [old]));
  assert.ok(table.isFirst(CHAIN, [old, { layer: undefined, chainId: CHAIN }]));
});

test('starts are kept by image and container, and nobody follows those of an earlier daemon', () => {
  const db = openDatabase(':memory:');
  const table = new StartTable(db);
  const began = new Date(Date.now() - 1_000);
  const number = table.insert(CHAIN, [], start({ pullMs: 900, startedAt: new Date(1_000) }));
  table.insert(digestOf('other'), [], start({ container: 'd', isOver: true }));
  table.update(number, { kind: 'cold', waits: 3, waitMs: 4.5, filledBytes: 6, isOver: false });
  const cold = start({
    kind: 'cold',
    waits: 3,
    waitMs: 4.5,
    filledBytes: 6,
    pullMs: 900,
    startedAt: new Date(1_000),
  });
  assert.deepEqual(table.ofChain(CHAIN), [cold]);
  assert.deepEqual(table.ofContainer('default', 'c', new Date(0)), cold);
  assert.equal(table.ofContainer('default', 'c', began), undefined);
  assert.equal(table.ofContainer('k8s.io', 'c', new Date(0)), undefined);
  assert.equal(table.ofContainer('default', 'd', began)?.isOver, true);
  assert.deepEqual(new StartTable(db).ofChain(CHAIN), [{ ...cold, isOver: true }]);
});

test('of each image the last eight of each kind stay', () => {
  const table = new StartTable(openDatabase(':memory:'));
  table.insert(CHAIN, [], start({ kind: 'first', ms: 1 }));
  for (let n = 0; n < 20; n++)
    for (const kind of ['cold', 'warm'] as const) table.insert(CHAIN, [], start({ kind, ms: n }));
  table.insert(digestOf('other'), [], start());
  const kept = table.ofChain(CHAIN).map(({ kind, ms }) => `${kind} ${ms}`);
  const last = Array.from({ length: 8 }, (_, i) => [`warm ${19 - i}`, `cold ${19 - i}`]).flat();
  assert.deepEqual(kept, [...last, 'first 1']);
});
