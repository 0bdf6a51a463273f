import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempDisposableSync, readSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isCodedError } from '@lade/errors';
import {
  answerFanotifyEvent,
  bindMount,
  clearFanotifyEvent,
  createFanotifyGroup,
  decodeFanotifyEvents,
  heedFile,
  ignoreFile,
  makePrivate,
  waitReadable,
  watchMount,
  type FanotifyEvent,
} from './index.ts';
import { testInPrivateMounts } from './testing/private-mounts.ts';

const run = promisify(execFile);
const PATIENCE_MS = 60_000;

testInPrivateMounts(import.meta.filename, () => {
  test('a reader through a watched mount waits for the answer, and is told of with its range', async () => {
    using scene = await watch();
    const reader = readBlock(scene.watched, 2);
    const [event] = takeEvents(scene.group);
    const fd = event?.fd ?? -1;
    assert.deepEqual(event, { fd, at: 0, pid: reader.child.pid, offset: 8192, length: 4096 });
    answer(scene.group, fd, 'allow');
    assert.equal((await reader).stdout, 'c'.repeat(4096));
  });

  test('a reader that is denied gets EIO, and the next one is asked about again', async () => {
    using scene = await watch();
    const denied = assert.rejects(readBlock(scene.watched, 0), /Input\/output error/);
    answer(scene.group, takeEvents(scene.group)[0]?.fd ?? -1, 'deny');
    await denied;
    const reader = readBlock(scene.watched, 0);
    answer(scene.group, takeEvents(scene.group)[0]?.fd ?? -1, 'allow');
    assert.equal((await reader).stdout, 'a'.repeat(4096));
  });

  test('nobody is told of readers through the original folder, or of an ignored file', async () => {
    using scene = await watch();
    await readBlock(scene.source, 0);
    ignoreFile(scene.group, scene.watched);
    await readBlock(scene.watched, 0);
    writeFileSync(scene.source, 'changed, and ignored still');
    await readBlock(scene.watched, 0);
    assert.deepEqual(waitReadable([scene.group], 0), ['idle']);
    heedFile(scene.group, scene.watched);
    assert.throws(
      () => heedFile(scene.group, scene.watched),
      (reason) => isCodedError(reason, 'not_found'),
    );
    const reader = readBlock(scene.watched, 0);
    answer(scene.group, takeEvents(scene.group)[0]?.fd ?? -1, 'allow');
    await reader;
  });

  test('an answer to no question is ENOENT', async () => {
    using scene = await watch();
    assert.throws(() => answerFanotifyEvent(scene.group, 999, 'allow'), { code: 'ENOENT' });
  });
});

test('decodeFanotifyEvents() stops at the first zero length, and shows what was cleared', () => {
  const bytes = Buffer.alloc(256);
  for (const [at, fd] of [
    [0, 5],
    [24, 6],
  ] as const) {
    bytes.writeUInt32LE(24, at);
    bytes.writeUInt16LE(24, at + 6);
    bytes.writeInt32LE(fd, at + 16);
    bytes.writeInt32LE(fd + 100, at + 20);
  }
  clearFanotifyEvent(bytes, 24);
  const whole = { offset: 0, length: Number.MAX_SAFE_INTEGER };
  assert.deepEqual(
    [...decodeFanotifyEvents(bytes)],
    [
      { at: 0, fd: 5, pid: 105, ...whole },
      { at: 24, fd: -1, pid: 106, ...whole },
    ],
  );
});

interface Scene extends Disposable {
  readonly group: number;
  /** A file of three blocks, past the mark and through it. */
  readonly source: string;
  readonly watched: string;
}

async function watch(): Promise<Scene> {
  using stack = new DisposableStack();
  const root = stack.use(mkdtempDisposableSync(join(tmpdir(), 'lade-fanotify-')));
  const [source, watched] = [join(root.path, 'source'), join(root.path, 'watched')];
  for (const folder of [source, watched]) mkdirSync(folder);
  writeFileSync(join(source, 'f'), ['a', 'b', 'c'].map((letter) => letter.repeat(4096)).join(''));
  await bindMount(source, watched);
  stack.defer(() => execFileSync('umount', ['-l', watched]));
  await makePrivate(watched);
  const group = createFanotifyGroup();
  stack.defer(() => closeSync(group));
  watchMount(group, watched);
  const resources = stack.move();
  return {
    group,
    source: join(source, 'f'),
    watched: join(watched, 'f'),
    [Symbol.dispose]: () => resources.dispose(),
  };
}

function readBlock(path: string, block: number): ReturnType<typeof run> {
  return run('dd', [`if=${path}`, 'bs=4096', `skip=${block}`, 'count=1', 'status=none']);
}

function takeEvents(group: number): readonly (FanotifyEvent & { readonly at: number })[] {
  assert.deepEqual(waitReadable([group], PATIENCE_MS), ['readable']);
  const bytes = Buffer.alloc(4096);
  readSync(group, bytes);
  return [...decodeFanotifyEvents(bytes)];
}

function answer(group: number, fd: number, answer: 'allow' | 'deny'): void {
  answerFanotifyEvent(group, fd, answer);
  closeSync(fd);
}
