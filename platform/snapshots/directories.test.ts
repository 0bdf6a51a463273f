import assert from 'node:assert/strict';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRoot } from './directories.ts';

test('a sweep takes nothing from a directory that is being made', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-directories-'));
  const { snapshots } = await openRoot(join(folder.path, 'root'));
  const made = new AbortController();
  const sweeping = (async () => {
    while (!made.signal.aborted) await snapshots.sweep(() => true, {});
  })();
  for (let id = 1; id <= 200; id++) {
    await using directory = snapshots.create();
    assert.deepEqual(await readdir(directory.path), []);
    directory.place(id);
    directory.keep();
  }
  made.abort();
  await sweeping;
  assert.equal((await readdir(snapshots.path(1))).length, 0);
});
