import assert from 'node:assert/strict';
import { chmodSync, statSync } from 'node:fs';
import { mkdtempDisposable, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContentDirectories } from './content-directories.ts';
import { openRoot } from './directories.ts';

test('the directory of the next snapshot is ready before it is asked for, and gone at the end', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-contents-'));
  const { snapshots } = await openRoot(join(folder.path, 'root'));
  const entries = async (): Promise<string[]> => readdir(join(folder.path, 'root/snapshots'));
  {
    await using contents = new ContentDirectories(snapshots);
    for (const [id, mode] of [0o1777, 0o750, 0o755].entries()) {
      await using directory = contents.create({ mode: 0o40000 | mode, uid: 7, gid: 8 });
      const { uid, gid, ...fs } = statSync(join(directory.path, 'fs'));
      assert.deepEqual([fs.mode & 0o7777, uid, gid], [mode, 7, 8]);
      directory.place(id + 1);
      directory.keep();
      while ((await entries()).length === id + 1) await sleep(1);
      await snapshots.sweep(() => true);
    }
    assert.equal((await entries()).length, 4);
  }
  assert.deepEqual((await entries()).toSorted(), ['1', '2', '3']);
});

test('a directory is made when none is ready, or the ready one cannot be made', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-contents-'));
  const root = join(folder.path, 'root');
  const { snapshots } = await openRoot(root);
  await using contents = new ContentDirectories(snapshots);
  const directories = [contents.create(), contents.create()];
  assert.notEqual(directories[0]?.path, directories[1]?.path);
  for (const directory of directories) {
    assert.equal(statSync(join(directory.path, 'fs')).mode & 0o7777, 0o755);
    await directory[Symbol.asyncDispose]();
  }
  await rm(root, { recursive: true });
  await sleep(20);
  assert.throws(() => contents.create(), { code: 'ENOENT' });
});

test('what a crash has left under the number of a new snapshot gives way to it', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-contents-'));
  const { snapshots } = await openRoot(join(folder.path, 'root'));
  await using contents = new ContentDirectories(snapshots);
  for (const mode of [0o700, 0o711]) {
    await using directory = contents.create();
    chmodSync(directory.path, mode);
    directory.place(1);
    directory.keep();
  }
  assert.equal(statSync(snapshots.path(1)).mode & 0o7777, 0o711);
});
