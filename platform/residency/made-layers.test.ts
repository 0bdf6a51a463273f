import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { digestOf } from '@lade/oci';
import { fromBytes } from '@lade/streams';
import { TAR_END, encodeTarEntry, tarPadding } from '@lade/tar';
import { MadeLayers } from './made-layers.ts';
import { noise, openTestNode } from './testing/test-node.ts';

const CONTENT = noise(1, 300_000);
const TAR = Buffer.concat([
  encodeTarEntry({ path: 'file', kind: 'file', sizeBytes: CONTENT.length }),
  CONTENT,
  tarPadding(CONTENT.length),
  TAR_END,
]);
const STORED = digestOf(gzipSync(TAR));
const TEN_MINUTES_MS = 600_000;

test('a layer that was made is found, kept for a while, and found by the next daemon', async (t) => {
  await using bucket = await openBucket('memory:');
  await using node = await openTestNode(bucket);
  const { layers } = node;
  const made = new MadeLayers(node.table, layers);
  assert.equal(made.find(STORED), undefined);
  const layer = await layers.convert(fromBytes(TAR), {});
  t.mock.timers.enable({ apis: ['setTimeout'] });
  made.remember(STORED, layer);
  t.mock.timers.tick(TEN_MINUTES_MS - 1);
  await layers.retain(() => false);
  for (const each of [made, new MadeLayers(node.table, layers)]) {
    using found = each.find(STORED);
    assert.equal(found?.diffId, digestOf(TAR));
    assert.equal(found?.tarBytes, TAR.length);
  }
  t.mock.timers.tick(1);
  await layers.retain(() => false);
  assert.equal(layers.has(digestOf(TAR)), false);
  assert.equal(made.find(STORED), undefined);
});

test('a layer that cannot be published from here again is no longer found', async () => {
  await using bucket = await openBucket('memory:');
  await using node = await openTestNode(bucket);
  const made = new MadeLayers(node.table, node.layers);
  made.remember(STORED, await node.layers.convert(fromBytes(TAR), {}));
  await node.publish(digestOf(TAR));
  assert.equal(made.find(STORED), undefined);
});
