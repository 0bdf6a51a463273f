import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChunkTable } from './chunk-table.ts';
import { readLocalIndex } from './local-index.ts';
import { openTestNode, variedTar } from './testing/test-layers.ts';

test('a chunk table says what the index says, in a few bytes a chunk', async () => {
  await using node = await openTestNode();
  const index = await readLocalIndex((await node.convert(variedTar(3))).folder);
  const table = ChunkTable.of(index);
  assert.equal(table.count, index.chunks.length);
  assert.equal(table.blobBytes, index.header.blobBytes);
  assert.deepEqual([...table], index.chunks);
});

test('every byte of a blob is found in its chunk, and no range reaches beyond the blob', async () => {
  await using node = await openTestNode();
  const table = ChunkTable.of(await readLocalIndex((await node.convert(variedTar(3))).folder));
  for (let n = 0; n < table.count; n++) {
    const [start, end] = [table.offsetOf(n), table.offsetOf(n + 1)];
    assert.deepEqual([table.numberAt(start), table.numberAt(end - 1)], [n, n]);
    assert.deepEqual(table.range(start, end - start), { first: n, end: n + 1 });
    assert.deepEqual(table.range(start, end - start + 1).end, Math.min(n + 2, table.count));
  }
  assert.deepEqual(table.range(0, Infinity), { first: 0, end: table.count });
  assert.deepEqual(table.range(table.blobBytes, 1), { first: 0, end: 0 });
  assert.deepEqual(table.range(0, 0), { first: 0, end: 0 });
});
