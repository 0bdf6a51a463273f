import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { allocate, copyFileRange, punchHole, seekData, seekHole, syncFileSystem } from './index.ts';

const MIB = 1 << 20;

test('punchHole() makes bytes zero and seekData() and seekHole() see it', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-ranges-'));
  await using file = await open(join(root.path, 'f'), 'w+');
  await file.write(Buffer.alloc(3 * MIB, 1));
  await syncFileSystem(file.fd);
  await punchHole(file.fd, MIB, MIB);
  assert.equal((await file.stat()).size, 3 * MIB);
  assert.equal(seekHole(file.fd, 0), MIB);
  assert.equal(seekData(file.fd, MIB), 2 * MIB);
  assert.equal(seekHole(file.fd, 2 * MIB), 3 * MIB);
  assert.equal(seekData(file.fd, 3 * MIB), undefined);
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, MIB - 1);
  assert.deepEqual(buffer, Buffer.from([1, 0]));
});

test('allocate() makes the file long and reserves its blocks', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-ranges-'));
  await using file = await open(join(root.path, 'f'), 'w+');
  await allocate(file.fd, 0, MIB);
  const { size, blocks } = await file.stat();
  assert.equal(size, MIB);
  assert.ok(blocks * 512 >= MIB);
});

test('copyFileRange() copies between offsets and stops where the source ends', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-ranges-'));
  await using from = await open(join(root.path, 'from'), 'w+');
  await using to = await open(join(root.path, 'to'), 'w+');
  await from.write('0123456789');
  await to.write('abcdefghijklmnop');
  assert.equal(await copyFileRange({ fd: from.fd, offset: 2 }, { fd: to.fd, offset: 4 }, 3), 3);
  assert.equal(await copyFileRange({ fd: from.fd, offset: 8 }, { fd: to.fd, offset: 10 }, 100), 2);
  assert.equal((await to.read(Buffer.alloc(16), 0, 16, 0)).buffer.toString(), 'abcd234hij89mnop');
});

test('calls beyond what the thread pool runs wait their turn', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-ranges-'));
  await using file = await open(join(root.path, 'f'), 'w+');
  const offsets = Array.from({ length: 500 }, (_, i) => i * 4096);
  await Promise.all(offsets.map((offset) => allocate(file.fd, offset, 4096)));
  assert.equal((await file.stat()).size, 500 * 4096);
});

test('a failure in the thread pool arrives with its own errno', async () => {
  const attempts = Array.from({ length: 50 }, (_, i) =>
    i % 2 === 0 ? punchHole(-1, 0, 1) : punchHole(0, -1, 1),
  );
  for (const [i, result] of (await Promise.allSettled(attempts)).entries()) {
    assert.ok(result.status === 'rejected' && isCodedError(result.reason));
    assert.equal(result.reason.details['errno'], i % 2 === 0 ? 'EBADF' : 'EINVAL');
  }
});
