import assert from 'node:assert/strict';
import { chownSync, lstatSync, mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '@lade/errors';
import { isMountPoint, mount, mountMapped, readMounts, unmount } from './index.ts';
import { testInPrivateMounts } from './testing/private-mounts.ts';
import { tinyErofs } from './testing/tiny-erofs.ts';

const MAPS = { uids: '0:100000:10,10:7:1', gids: '0:200000:65536' };

testInPrivateMounts(import.meta.filename, () => {
  test('mountMapped() shows owners as a user namespace has them, read-only and without what is mounted below', async (t) => {
    const root = folder(t);
    const [source, target] = [join(root, 'source'), join(root, 'target')];
    for (const name of ['source', 'source/below', 'target']) mkdirSync(join(root, name));
    for (const [name, uid, gid] of [
      ['root', 0, 0],
      ['tenth', 10, 42],
      ['left-out', 11, 65_536],
    ] as const) {
      writeFileSync(join(source, name), name);
      chownSync(join(source, name), uid, gid);
    }
    await mount({ type: 'tmpfs', source: 'none', target: join(source, 'below') });
    await mountMapped([{ source, target }], MAPS);
    assert.deepEqual(ownersOf(target, '.', 'root', 'tenth', 'left-out'), [
      [100_000, 200_000],
      [100_000, 200_000],
      [7, 200_042],
      [65_534, 65_534],
    ]);
    assert.throws(() => writeFileSync(join(target, 'new'), ''), { code: 'EROFS' });
    assert.equal(await isMountPoint(join(target, 'below')), false);
  });

  test('an overlay mount on mapped EROFS and directories has the mapped owners, and takes new ones', async (t) => {
    const root = folder(t);
    const names = ['erofs', 'plain', '0', '1', 'upper', 'work', 'merged'] as const;
    for (const name of names) mkdirSync(join(root, name));
    writeFileSync(join(root, 'image'), tinyErofs());
    await mount({ type: 'erofs', source: join(root, 'image'), target: join(root, 'erofs'), options: ['ro'] });
    writeFileSync(join(root, 'plain/file'), 'text');
    const sources = [join(root, 'erofs'), join(root, 'plain')];
    await mountMapped(
      sources.map((source, i) => ({ source, target: join(root, String(i)) })),
      MAPS,
    );
    const layers = `lowerdir=${join(root, '0')}:${join(root, '1')}`;
    const own = [`upperdir=${join(root, 'upper')}`, `workdir=${join(root, 'work')}`];
    const options = [layers, ...own];
    await mount({ type: 'overlay', source: 'overlay', target: join(root, 'merged'), options });
    assert.deepEqual(ownersOf(join(root, 'merged'), 'file'), [[100_000, 200_000]]);
    chownSync(join(root, 'merged/file'), 100_005, 200_006);
    assert.deepEqual(ownersOf(join(root, 'upper'), 'file'), [[100_005, 200_006]]);
  });

  test('what cannot be mapped is refused by name', async (t) => {
    const target = folder(t);
    await assert.rejects(
      mountMapped([{ source: '/proc', target }], MAPS),
      (e) =>
        isCodedError(e, 'invalid_argument') && /Cannot mount \/proc on .* with mapped ids/.test(e.message),
    );
    await assert.rejects(mountMapped([{ source: join(target, 'missing'), target }], MAPS), (e) =>
      isCodedError(e, 'not_found'),
    );
    await assert.rejects(
      mountMapped([{ source: target, target }], { uids: 'nonsense', gids: MAPS.gids }),
      (e) => isCodedError(e) && e.message.startsWith('Cannot make a user namespace'),
    );
    assert.equal(await isMountPoint(target), false);
  });

  test('a machine without unshare says so', async (t) => {
    const path = process.env['PATH'];
    t.after(() => void (process.env['PATH'] = path));
    process.env['PATH'] = '/nonexistent';
    await assert.rejects(mountMapped([], MAPS), (e) => isCodedError(e, 'not_found') && e.cure !== undefined);
  });
});

function ownersOf(directory: string, ...names: readonly string[]): number[][] {
  return names.map((name) => {
    const { uid, gid } = lstatSync(join(directory, name));
    return [uid, gid];
  });
}

function folder(t: TestContext): string {
  const root = mkdtempDisposableSync(join(tmpdir(), 'lade-mapped-'));
  t.after(async () => {
    const below = (await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(root.path));
    for (const { mountPoint } of below.toReversed()) await unmount(mountPoint, { detach: true });
    root.remove();
  });
  return root.path;
}
