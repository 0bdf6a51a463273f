import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { unmount } from '@lade/linux';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import { keep, openFiles, type Kept } from './testing/both-kinds.ts';
import { mountErofsOver } from './testing/erofs-over.ts';
import { hashElsewhere } from './testing/read-files.ts';
import { TestFile } from './testing/test-file.ts';

testInPrivateMounts(import.meta.filename, () => {
  test('a file that is whole from the start is read by the kernel alone, and has to stay whole', async (t) => {
    await using kept = await keep('fuse');
    await using files = await openFiles(kept);
    const file = await openFile(kept, 1, 300);
    await file.fillAll();
    const path = await files.serve(file);
    if (!path.endsWith('.whole')) {
      assert.equal(process.env['CI'], undefined, 'these tests need a kernel with FUSE passthrough');
      return t.skip('SKIPPED, NOT TESTED: this kernel has no FUSE passthrough');
    }
    await using erofs = await mountErofsOver(kept.folder, path, 300);
    assert.deepEqual(await hashElsewhere(path, erofs.file), [file.sha256, file.sha256]);
    assert.ok(!file.isTouched(0));
    await assert.rejects(files.setWhole(1, false), (reason) => isCodedError(reason, 'failed_precondition'));
  });

  test('without passthrough, whole files are read here', async () => {
    await using kept = await keep('fuse');
    await using files = await openFiles(kept, { passthrough: false });
    const file = await openFile(kept, 1, 300);
    await file.fillAll();
    assert.deepEqual(await hashElsewhere(await files.serve(file)), [file.sha256]);
    assert.ok(file.isTouched(299));
    await files.setWhole(1, false);
  });

  test('a file that was opened in parts and is whole for the next process is read on', async () => {
    await using kept = await keep('fuse');
    const first = await openFiles(kept);
    await using erofs = await mountErofsOver(
      kept.folder,
      await first.serve(await openFile(kept, 1, 300)),
      300,
    );
    await first[Symbol.asyncDispose]();
    const file = await openFile(kept, 1, 300);
    await file.fillAll();
    await using second = await openFiles(kept);
    await second.serve(file);
    assert.deepEqual(await hashElsewhere(erofs.file), [file.sha256]);
  });

  test('names that no file has do not exist, and the folder tells its size and nothing else', async () => {
    await using kept = await keep('fuse');
    await using files = await openFiles(kept);
    await files.serve(await openFile(kept, 1, 3));
    files.allServed();
    for (const name of ['2', '1x', '-1', '1.whol', 'x'.repeat(255)])
      assert.throws(() => statSync(join(kept.folder, 'served', name)), { code: 'ENOENT' });
    const { size, mode } = statSync(join(kept.folder, 'served', '1'));
    assert.deepEqual([size, mode], [3 * 4096, 0o100_400]);
    assert.equal(statSync(join(kept.folder, 'served')).mode, 0o40_500);
  });

  test('what a blob lacks that was cut short is EIO, not zeros', async () => {
    await using kept = await keep('fuse');
    await using files = await openFiles(kept, { passthrough: false });
    const file = await openFile(kept, 1, 2);
    file.set('resident', 0, true);
    file.set('resident', 1, true);
    await using handle = await open(file.path, 'r+');
    await handle.truncate(100);
    const path = await files.serve(file);
    assert.throws(() => readFileSync(path), /EIO/);
  });

  test('a mount that goes away is reported, for this process to end', async () => {
    await using kept = await keep('fuse');
    const failed = Promise.withResolvers<unknown>();
    await using _files = await openFiles(kept, { onFailed: failed.resolve });
    await unmount(join(kept.folder, 'served'));
    assert.match(String(await failed.promise), /Cannot serve files over FUSE: the mount is gone/);
    await assert.rejects(openFiles(kept), /Cannot mount fuse/);
  });
});

function openFile({ folder }: Kept, number: number, blocks: number): Promise<TestFile> {
  return TestFile.open({ number, path: join(folder, 'files', String(number)), blocks });
}
