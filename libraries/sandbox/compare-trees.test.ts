import assert from 'node:assert/strict';
import { chmod, link, mkdir, mkdtempDisposable, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setXattr } from '@lade/linux';
import { compareTrees } from './compare-trees.ts';

const TIME = new Date('2020-01-01');

async function plant(root: string): Promise<void> {
  await mkdir(join(root, 'folder'), { recursive: true });
  await writeFile(join(root, 'folder/file'), 'content');
  await writeFile(join(root, 'other'), 'other');
  await symlink('folder/file', join(root, 'link'));
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x41])]), '');
}

/** Both trees alike in every time but a link's, then a change to the second; gives the differences but that one. */
async function differencesAfter(change: (root: string) => Promise<void>): Promise<string[]> {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-trees-'));
  const [left, right] = [join(place.path, 'left'), join(place.path, 'right')];
  for (const root of [left, right]) await plant(root);
  await change(right);
  for (const root of [left, right])
    for (const path of ['folder/file', 'other', '\xffA', 'folder', '.'])
      await utimes(Buffer.from(`${root}/${path}`, 'latin1'), TIME, TIME).catch(() => {});
  return (await compareTrees(left, right)).filter((line) => !line.startsWith('link: mtime'));
}

test('compareTrees() finds nothing between equal trees, names that are no UTF-8 included', async () => {
  assert.deepEqual(await differencesAfter(async () => {}), []);
});

test('compareTrees() sees every property', async () => {
  const changes: [RegExp, (root: string) => Promise<void>][] = [
    [/^other: only left$/, async (root) => rm(join(root, 'other'))],
    [/^new: only right$/, async (root) => writeFile(join(root, 'new'), '')],
    [/^folder\/file: mode 644 \| 4755$/, async (root) => chmod(join(root, 'folder/file'), 0o4755)],
    [
      /^folder\/file: content [0-9a-f]{64} \| [0-9a-f]{64}$/,
      async (root) => writeFile(join(root, 'folder/file'), 'CONTENT'),
    ],
    [/^other: links 1 \| 2$/, async (root) => link(join(root, 'other'), join(root, 'folder/hard'))],
    [
      /^link: target folder\/file \| elsewhere$/,
      async (root) => {
        await rm(join(root, 'link'));
        await symlink('elsewhere', join(root, 'link'));
      },
    ],
    [
      /^other: type file \| directory$/,
      async (root) => {
        await rm(join(root, 'other'));
        await mkdir(join(root, 'other'));
      },
    ],
    [
      /^folder: xattr user\.x none \| 01$/,
      async (root) => setXattr(join(root, 'folder'), 'user.x', Buffer.from([1])),
    ],
  ];
  for (const [expected, change] of changes) {
    const differences = await differencesAfter(change);
    assert.ok(
      differences.some((line) => expected.test(line)),
      `${String(expected)} not in ${JSON.stringify(differences)}`,
    );
  }
});

test('compareTrees() sees a nanosecond', async () => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'lade-trees-'));
  const [left, right] = [join(place.path, 'left'), join(place.path, 'right')];
  for (const root of [left, right]) await writeFile(root, '');
  await utimes(left, 1, 1);
  await utimes(right, 1, 1.000001);
  const differences = await compareTrees(left, right);
  assert.equal(differences.length, 1);
  assert.match(differences[0] ?? '', /^\.: mtime 1\.000000000 \| 1\.00000/);
});
