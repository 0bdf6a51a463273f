import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtempDisposable, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskUsage } from './disk-usage.ts';

test('diskUsage() agrees with du(1) on holes, hard links, symbolic links and names that are no UTF-8', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-usage-'));
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at('a/b'), { recursive: true });
  await writeFile(at('a/file'), Buffer.alloc(70_000, 1));
  await link(at('a/file'), at('a/b/again'));
  await writeFile(at('sparse'), '');
  await truncate(at('sparse'), 10_000_000);
  await symlink('/usr', at('usr'));
  await writeFile(Buffer.concat([Buffer.from(at('a/')), Buffer.from([0xfe, 0xff])]), 'x');
  const { sizeBytes, inodes } = await diskUsage(folder.path);
  const du = (option: string): number =>
    Number.parseInt(execFileSync('du', [option, '-s', folder.path], { encoding: 'utf8' }), 10);
  assert.equal(sizeBytes, du('-B1'));
  assert.equal(inodes, du('--inodes'));
});

test('diskUsage() can be aborted', async () => {
  await assert.rejects(diskUsage(tmpdir(), { signal: AbortSignal.abort() }), { name: 'AbortError' });
});
