import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCgroup } from '@lade/linux';
import { testInPrivateMounts } from '@lade/linux/private-mounts';
import type { OnDemandFiles } from './index.ts';
import { Journal } from './journal.ts';
import { keep, KINDS, openFiles, type Kept, type Kind } from './testing/both-kinds.ts';
import { hashElsewhere, readBlockElsewhere } from './testing/read-files.ts';
import { TestFile } from './testing/test-file.ts';

testInPrivateMounts(import.meta.filename, () => {
  for (const kind of KINDS) declareTests(kind);
});

interface Scene extends AsyncDisposable {
  readonly kept: Kept;
  readonly files: OnDemandFiles;
  serve(number: number, blocks: number): Promise<{ readonly file: TestFile; readonly path: string }>;
}

async function open(kind: Kind): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const kept = stack.use(await keep(kind));
  const files = stack.use(await openFiles(kept));
  const resources = stack.move();
  return {
    kept,
    files,
    serve: async (number, blocks) => {
      const file = await TestFile.open({ number, path: join(kept.folder, 'files', `${number}`), blocks });
      return { file, path: await files.serve(file) };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function declareTests(kind: Kind): void {
  test(`${kind}: a reader gets the bytes, and what is resident is not asked for again`, async () => {
    await using scene = await open(kind);
    const { file, path } = await scene.serve(7, 100);
    scene.files.allServed();
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
    const asked = file.fills.length;
    assert.ok(asked > 0);
    assert.ok(file.isTouched(0) && file.isTouched(99));
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
    assert.equal(file.fills.length, asked);
  });

  test(`${kind}: a fill that fails is EIO for its reader only`, async () => {
    await using scene = await open(kind);
    const { file, path } = await scene.serve(1, 1024);
    file.broken.add(900);
    await assert.rejects(hashElsewhere(path), /Input\/output error/);
    assert.match(await readBlockElsewhere(path, 3), /^block 3 of file 1 /);
    file.broken.clear();
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
  });

  test(`${kind}: many readers of many files get the bytes`, async () => {
    await using scene = await open(kind);
    const served = await Promise.all(Array.from({ length: 8 }, (_, number) => scene.serve(number, 200)));
    const paths = served.map(({ path }) => path);
    const want = served.map(({ file }) => file.sha256);
    const seen = await Promise.all(Array.from({ length: 6 }, () => hashElsewhere(...paths)));
    for (const hashes of seen) assert.deepEqual(hashes, want);
  });

  test(`${kind}: a file that is whole is read without questions, until it is not`, async () => {
    await using scene = await open(kind);
    const { file, path } = await scene.serve(5, 64);
    await file.fillAll();
    await scene.files.setWhole(5, true);
    assert.deepEqual(await hashElsewhere(path), [file.sha256]);
    if (kind === 'fanotify') assert.ok(!file.isTouched(10));
    await scene.files.setWhole(5, false);
    await scene.files.setWhole(5, false);
  });

  test(`${kind}: who reads is told by control group, of reads that wait and of others`, async () => {
    await using scene = await open(kind);
    const { file, path } = await scene.serve(6, 200);
    await hashElsewhere(path);
    const group = readCgroup(process.pid);
    assert.ok(group !== undefined && file.fills.length > 0);
    assert.ok(file.fills.every(({ reader }) => reader === group));
    const { file: whole, path: wholePath } = await scene.serve(8, 200);
    await whole.fillAll();
    await hashElsewhere(wholePath);
    const sum = (): number => whole.reads.reduce((bytes, { length }) => bytes + length, 0);
    while (sum() < whole.sizeBytes) await sleep(10);
    assert.ok(whole.reads.every(({ reader, requests }) => reader === group && requests > 0));
    assert.ok(whole.fills.length === 0 && whole.reads.every(({ offset }) => offset < whole.sizeBytes));
  });

  test(`${kind}: reaching a marked block is told once`, async () => {
    await using scene = await open(kind);
    const { file, path } = await scene.serve(2, 512);
    await file.fillAll();
    file.set('markers', 300, true);
    assert.match(await readBlockElsewhere(path, 1), /^block 1 /);
    assert.deepEqual(file.markersReached, []);
    await hashElsewhere(path);
    assert.equal(file.markersReached.length, 1);
  });

  test(`${kind}: a file can be served twice, forgotten twice, and is then unknown`, async () => {
    await using scene = await open(kind);
    const { file, path } = await scene.serve(3, 16);
    assert.equal(await scene.files.serve(file), path);
    scene.files.allServed();
    await scene.files.forget(3);
    await scene.files.forget(3);
    assert.equal(file.fills.length, 0);
    await assert.rejects(hashElsewhere(path), kind === 'fuse' ? /No such file/ : /Input.output error/);
  });

  test(`${kind}: a reader of a file that is not served yet waits for it, also across processes`, async () => {
    await using kept = await keep(kind);
    const file = await TestFile.open({ number: 4, path: join(kept.folder, 'files', '4'), blocks: 32 });
    const first = await openFiles(kept);
    const hash = hashElsewhere(join(kept.folder, 'served', '4'));
    hash.catch(() => undefined);
    while ([...new Journal(kept.journal).asked()].length === 0) await sleep(10);
    await first[Symbol.asyncDispose]();
    await using second = await openFiles(kept);
    await second.serve(file);
    assert.deepEqual(await hash, [file.sha256]);
  });
}
