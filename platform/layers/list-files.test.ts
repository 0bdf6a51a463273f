import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listFiles } from './list-files.ts';
import { readLocalIndex } from './local-index.ts';
import { encodeTar, openTestNode, variedTar } from './testing/test-layers.ts';

test('listFiles() gives every file with data once, in the order of the blob, under readable names', async () => {
  await using node = await openTestNode();
  const { folder } = await node.convert(variedTar(1));
  const index = await readLocalIndex(folder);
  const files = await listFiles(index);
  assert.equal(files.length, 63);
  assert.deepEqual(
    files.map(({ offset }) => offset),
    files.map(({ offset }) => offset).sort((a, b) => a - b),
  );
  const [large, zeros, small] = files;
  // One inode under two names: the first that a walk meets.
  assert.deepEqual(large, { path: 'usr/again', offset: 0, sizeBytes: 900_001 });
  assert.deepEqual([zeros?.path, zeros?.sizeBytes], ['usr/zeros', 600_000]);
  assert.equal(small?.path, 'small/1-0');
  assert.equal(files.at(-1)?.path, 'implied/\ufffd\ufffd');
  assert.ok(files.every(({ offset, sizeBytes }) => offset + sizeBytes <= index.header.blobBytes));
});

test('listFiles() of a layer without data is empty', async () => {
  await using node = await openTestNode();
  const { folder } = await node.convert(
    encodeTar({ path: 'd/', kind: 'directory' }, { path: 'd/e', kind: 'file' }),
  );
  assert.deepEqual(await listFiles(await readLocalIndex(folder)), []);
});
