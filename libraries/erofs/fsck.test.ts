import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runErofsTool } from './testing/erofs-utils.ts';
import { contentHash, writeImageFiles } from './testing/image-files.ts';
import { randomTree, seededRandom } from './testing/random.ts';
import { crowd, directory, everyKind, file, symlink } from './testing/trees.ts';

test('fsck.erofs accepts images and reads all their data', async (t) => {
  const shared = file(5_000, 7);
  const random = seededRandom(4);
  const trees = [
    directory(),
    everyKind(),
    directory({ many: crowd(5_000), long: symlink('x'.repeat(4_095)), shared, again: shared }),
    randomTree(random, 500, 20),
    randomTree(random, 2_000, 20),
  ];
  for (const tree of trees) {
    await using files = await writeImageFiles(tree, 20);
    const result = await runErofsTool(
      t,
      'fsck.erofs',
      '-d3',
      '--extract',
      `--device=${files.blob}`,
      files.image,
    );
    if (result === undefined) return;
    assert.equal(result.status, 0, result.said);
    assert.match(result.said, /No errors found/);
  }
});

test('fsck.erofs extracts file data from the blob', async (t) => {
  const small = file(4_097, 3);
  await using files = await writeImageFiles(directory({ first: file(1, 9), small }), 20);
  const extracted = join(files.folder, 'extracted');
  const parameters = [`--extract=${extracted}`, `--device=${files.blob}`, files.image];
  const result = await runErofsTool(t, 'fsck.erofs', ...parameters);
  if (result === undefined) return;
  assert.equal(result.status, 0, result.said);
  const content = await readFile(join(extracted, 'small'));
  assert.equal(createHash('sha256').update(content).digest('hex'), contentHash(small));
});

test('fsck.erofs sees the checksum of the first block', async (t) => {
  await using files = await writeImageFiles(everyKind(), 2);
  await using image = await open(files.image, 'r+');
  await image.write(Buffer.of(1), 0, 1, 4_095);
  const result = await runErofsTool(t, 'fsck.erofs', `--device=${files.blob}`, files.image);
  if (result === undefined) return;
  assert.match(result.said, /failed to verify superblock checksum/);
});

test('dump.erofs reads the superblock that was written', async (t) => {
  await using files = await writeImageFiles(directory({ a: file(1), b: file(0) }), 1);
  const result = await runErofsTool(t, 'dump.erofs', '-s', `--device=${files.blob}`, files.image);
  if (result === undefined) return;
  assert.equal(result.status, 0, result.said);
  assert.match(result.said, /Filesystem inode count:\s+3\n/);
  assert.match(result.said, /Filesystem created:.*2023/);
  assert.match(result.said, /Filesystem UUID:\s+01020304-0506-0708-090a-0b0c0d0e0f10/);
  assert.match(result.said, /sb_csum mtime/);
  assert.match(result.said, /chunked_file device_table/);
});
