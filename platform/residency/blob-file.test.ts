import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { ChunkTable } from '@lade/layers';
import { punchHole } from '@lade/linux';
import { BlobFile } from './blob-file.ts';
import { openLazyWorld } from './testing/lazy-world.ts';
import { noise } from './testing/test-node.ts';

test('what a file occupies is known also where a save looks at it while a chunk goes', async () => {
  await using world = await openLazyWorld({ contents: [noise(31, 2 << 20)] });
  const [{ index, blob: content }] = world.layers;
  const { node } = world;
  using layer = await node.layers.fetch(index, {});
  const folder = node.layers.folderOf(layer.diffId);
  const table = ChunkTable.of(index);
  const { boot } = node.residency;
  await using blob = await BlobFile.open({ folder, diffId: layer.diffId, table, boot });
  for (let n = 0; n < 4; n++) await blob.write(n, content.subarray(table.offsetOf(n), table.offsetOf(n + 1)));
  await blob.save();
  await blob.punch(0, async (...range) => {
    await punchHole(...range);
    await blob.save();
  });
  assert.equal(blob.allocatedBytes, (await stat(blob.path)).blocks * 512);
  await blob.save();
  assert.equal(blob.allocatedBytes, (await stat(blob.path)).blocks * 512);
});
