import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { openTestBed } from './testing/test-bed.ts';

test('the next start removes what a crash left at every step of prepare and remove', async () => {
  await using bed = await openTestBed();
  const first = await bed.open();
  await first.prepare('kept', '');
  await first.view('view', '');
  const folder = join(bed.root, 'snapshots');
  await mkdir(join(folder, 'new-abcdef', 'fs'), { recursive: true });
  await mkdir(join(folder, '17', 'fs', 'deep'), { recursive: true });
  await writeFile(join(folder, 'stray'), '');
  await mkdir(join(folder, 'old-1234'));
  await mkdir(join(bed.root, 'fixes', '1'));
  await mkdir(join(bed.root, 'fixes', 'new-x'));
  const second = await bed.open();
  assert.deepEqual((await bed.contents()).sort(), ['1', '2']);
  assert.ok(!existsSync(join(folder, 'new-abcdef')));
  assert.deepEqual(await readdir(join(bed.root, 'fixes')), []);
  assert.deepEqual(second.missing, []);
  assert.equal((await second.prepare('next', ''))[0]?.source, join(folder, '3', 'fs'));
});

test('a number whose transaction failed is used again without the leftovers', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  await mkdir(join(bed.root, 'snapshots', '1', 'fs', 'leftover'), { recursive: true });
  await snapshotter.prepare('a', '');
  assert.deepEqual(await readdir(join(bed.root, 'snapshots', '1', 'fs')), []);
});

test('rows whose directory is gone are reported; only what needs it fails', async () => {
  await using bed = await openTestBed();
  const first = await bed.open();
  for (const name of ['gone', 'whole']) {
    await first.prepare(`${name}-active`, '');
    first.commit(name, `${name}-active`);
  }
  await first.prepare('child', 'gone');
  await rm(join(bed.root, 'snapshots', '1'), { recursive: true });
  const second = await bed.open();
  assert.deepEqual(second.missing, ['gone']);
  const isLoss = (reason: unknown): boolean => isCodedError(reason, 'data_loss') && reason.cure !== undefined;
  await assert.rejects(second.mounts('child'), isLoss);
  await assert.rejects(second.prepare('other', 'gone'), isLoss);
  await assert.rejects(second.usage('gone'), isLoss);
  assert.equal((await second.prepare('fine', 'whole')).length, 1);
  second.remove('child');
  second.remove('gone');
});

test('a removed snapshot frees its key at once and its directory in the background', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const [mount] = await snapshotter.prepare('a', '');
  const name = Buffer.concat([Buffer.from(`${mount?.source}/`), Buffer.from([0xff])]);
  await mkdir(name);
  snapshotter.remove('a');
  assert.equal((await snapshotter.prepare('a', ''))[0]?.source, join(bed.root, 'snapshots', '2', 'fs'));
  await snapshotter.cleanup();
  assert.deepEqual(await bed.contents(), ['2']);
});

test('cleanup() says what it could not remove', async () => {
  await using bed = await openTestBed();
  const snapshotter = await bed.open();
  const folder = join(bed.root, 'snapshots');
  await rename(folder, `${folder}-moved`);
  await assert.rejects(snapshotter.cleanup(), { code: 'ENOENT' });
  await rename(`${folder}-moved`, folder);
  await snapshotter.cleanup();
});
