import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { punchHole } from '@lade/linux';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import { Journal } from './journal.ts';
import { keep, openFiles } from './testing/both-kinds.ts';
import { hashElsewhere, readBlockElsewhere } from './testing/read-files.ts';
import { TestFile } from './testing/test-file.ts';

testInPrivateMounts(import.meta.filename, () => {
  test('a file that nobody serves cannot be read, for it may have holes', async () => {
    await using kept = await keep('fanotify');
    await using files = await openFiles(kept);
    writeFileSync(join(kept.folder, 'files', 'other'), 'not ours');
    const denied = assert.rejects(
      readBlockElsewhere(join(kept.folder, 'served', 'other'), 0),
      /Input.output error/,
    );
    files.allServed();
    await denied;
    assert.equal(await readBlockElsewhere(join(kept.folder, 'files', 'other'), 0), 'not ours');
  });

  test('a block that is dropped from a whole file is asked for again', async () => {
    await using kept = await keep('fanotify');
    await using files = await openFiles(kept);
    const file = await TestFile.open({ number: 1, path: join(kept.folder, 'files', '1'), blocks: 64 });
    const path = await files.serve(file);
    await file.fillAll();
    await files.setWhole(1, true);
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
    await files.setWhole(1, false);
    file.set('resident', 9, false);
    await using handle = await open(file.path, 'r+');
    await punchHole(handle.fd, 9 * 4096, 4096);
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
    assert.equal(file.fills.length, 1);
  });

  test('a reader that is killed while it waits leaves nothing behind', async () => {
    await using kept = await keep('fanotify');
    await using files = await openFiles(kept);
    const file = await TestFile.open({ number: 1, path: join(kept.folder, 'files', '1'), blocks: 64 });
    const path = join(kept.folder, 'served', '1');
    const killed = new AbortController();
    const read = assert.rejects(readBlockElsewhere(path, 5, killed.signal));
    while ([...new Journal(kept.journal).asked()].length === 0) await sleep(10);
    killed.abort();
    await read;
    await files.serve(file);
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
    await files[Symbol.asyncDispose](); // waits for what is under way
    assert.deepEqual([...new Journal(kept.journal).asked()], []);
  });
});
