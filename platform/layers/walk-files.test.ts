import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { collectBytes } from '@lade/streams';
import { LAYER_FILES } from './layer-files.ts';
import { readLocalIndex } from './local-index.ts';
import { readMetadata } from './metadata-image.ts';
import { encodeTar, openTestNode, variedTar } from './testing/test-layers.ts';
import { walkFiles, walkLocalFiles, type LayerFile } from './walk-files.ts';

async function collect(walk: AsyncIterable<readonly LayerFile[]>): Promise<LayerFile[]> {
  const files = (await Array.fromAsync(walk)).flat();
  return files.sort((a, b) => a.offset - b.offset || (a.path < b.path ? -1 : 1));
}

test('every file with data is told under each of its names, readable, by the folder and by the index', async () => {
  await using node = await openTestNode();
  const { folder } = await node.convert(variedTar(1));
  const index = await readLocalIndex(folder);
  const files = await collect(walkLocalFiles(folder));
  const metadata = await collectBytes(readMetadata(index), index.header.metadataBytes);
  assert.deepEqual(await collect(walkFiles(metadata)), files);
  assert.equal(files.length, 64);
  const [again, large, zeros, small] = files;
  assert.deepEqual(again, { path: 'usr/again', offset: 0, sizeBytes: 900_001 });
  assert.deepEqual([large?.path, large?.offset], ['usr/large', 0]);
  assert.deepEqual([zeros?.path, zeros?.sizeBytes], ['usr/zeros', 600_000]);
  assert.equal(small?.path, 'small/1-0');
  assert.equal(files.at(-1)?.path, 'implied/\ufffd\ufffd');
  assert.ok(files.every(({ offset, sizeBytes }) => offset + sizeBytes <= index.header.blobBytes));
});

test('many files come some at a time', async () => {
  await using node = await openTestNode();
  const entries = Array.from({ length: 5_500 }, (_, n) => ({
    path: `d${n % 7}/${n}`,
    kind: 'file' as const,
    content: Buffer.from(`${n}`),
  }));
  const { folder } = await node.convert(encodeTar(...entries));
  const batches = await Array.fromAsync(walkLocalFiles(folder));
  assert.equal(new Set(batches.flat().map(({ path }) => path)).size, entries.length);
  assert.ok(batches.every((batch) => batch.length <= 50));
});

test('a layer without data has none, a damaged image is said to be', async () => {
  await using node = await openTestNode();
  const { folder } = await node.convert(
    encodeTar({ path: 'd/', kind: 'directory' }, { path: 'd/e', kind: 'file' }),
  );
  assert.deepEqual(await collect(walkLocalFiles(folder)), []);
  await truncate(join(folder, LAYER_FILES.metadata), 2_000);
  await assert.rejects(collect(walkLocalFiles(folder)), { code: 'data_loss' });
});
