import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inode } from '@lade/erofs';
import { isCodedError } from '@lade/errors';
import type { TarEntry } from '@lade/tar';
import { LayerTree } from './layer-tree.ts';

type Given = Partial<TarEntry> & { readonly path: string };

function entry(given: Given): TarEntry {
  return {
    kind: given.path.endsWith('/') ? 'directory' : 'file',
    linkPath: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    storedBytes: 0,
    modified: { seconds: 100, nanoseconds: 5 },
    device: { major: 0, minor: 0 },
    xattrs: new Map(),
    sparse: undefined,
    ...given,
  };
}

function build(...entries: Given[]): LayerTree {
  const tree = new LayerTree();
  entries.forEach((given, i) => tree.add(entry(given), i));
  return tree;
}

function at(tree: LayerTree, path: string): Inode | undefined {
  let inode: Inode | undefined = tree.root;
  for (const name of path.split('/'))
    inode = inode?.kind === 'directory' ? inode.entries.get(name) : undefined;
  return inode;
}

function isOpaque(inode: Inode | undefined): boolean {
  return inode?.xattrs.get('trusted.overlay.opaque')?.toString() === 'y';
}

test('paths are cleaned: slashes and dots mean nothing, the root entry is ignored', () => {
  const tree = build({ path: './', mode: 0o700 }, { path: '/a//./b/' }, { path: 'a/x/../b/c' });
  assert.equal(tree.root.mode, 0o755);
  assert.equal(at(tree, 'a/b/c')?.kind, 'file');
});

test('a path that leads out of the root is refused by name', () => {
  for (const path of ['../x', 'a/../../x', '/..']) {
    assert.throws(
      () => build({ path }),
      (e) => isCodedError(e, 'invalid_argument') && e.message.includes(path),
    );
  }
});

test('the later entry wins; a directory over a directory keeps what is in it', () => {
  const tree = build(
    { path: 'd/' },
    { path: 'd/f' },
    { path: 'd/', mode: 0o700 },
    { path: 'd/f', kind: 'symlink', linkPath: 'x' },
  );
  assert.equal(at(tree, 'd')?.mode, 0o700);
  assert.equal(at(tree, 'd/f')?.kind, 'symlink');
  assert.equal(
    build({ path: 'd/' }, { path: 'd/f' }, { path: 'd', kind: 'file' }, { path: 'd/' }).root.entries.size,
    1,
  );
});

test('symlinked parents are followed inside the layer only', () => {
  const tree = build(
    { path: 'usr/lib/' },
    { path: 'lib', kind: 'symlink', linkPath: 'usr/lib' },
    { path: 'up', kind: 'symlink', linkPath: '../../../../etc' },
    { path: 'lib/a' },
    { path: 'up/passwd' },
  );
  assert.equal(at(tree, 'usr/lib/a')?.kind, 'file');
  assert.equal(at(tree, 'etc/passwd')?.kind, 'file');
  assert.equal(at(tree, 'lib')?.kind, 'symlink');
  const loop = [{ path: 'l', kind: 'symlink', linkPath: 'l' }, { path: 'l/x' }] as const;
  assert.throws(
    () => build(...loop),
    (e) => isCodedError(e, 'invalid_argument') && /loop/.test(e.message),
  );
});

test('a whiteout becomes device 0:0, and what the same layer has under the name stays', () => {
  const tree = build(
    { path: 'a/.wh.gone' },
    { path: '.wh.kept' },
    { path: 'kept' },
    { path: 'also' },
    { path: '.wh.also' },
  );
  const gone = at(tree, 'a/gone');
  assert.ok(gone?.kind === 'character-device' && gone.device.major === 0 && gone.device.minor === 0);
  assert.equal(at(tree, 'kept')?.kind, 'file');
  assert.equal(at(tree, 'also')?.kind, 'file');
  assert.throws(
    () => build({ path: '.wh..' }),
    (e) => isCodedError(e, 'invalid_argument'),
  );
});

test('a directory that is also whited out is opaque, in whatever order, as is one with the opaque marker', () => {
  assert.ok(isOpaque(at(build({ path: '.wh.d' }, { path: 'd/' }), 'd')));
  assert.ok(isOpaque(at(build({ path: 'd/' }, { path: '.wh.d' }), 'd')));
  assert.ok(isOpaque(at(build({ path: '.wh.d' }, { path: 'd/f' }), 'd')));
  assert.ok(isOpaque(at(build({ path: 'd/' }, { path: 'd/.wh..wh..opq' }), 'd')));
  assert.ok(!isOpaque(at(build({ path: 'd/' }), 'd')));
});

test('hard links share one inode and give it their attributes', () => {
  const tree = build(
    { path: 'bin/a', mode: 0o755, sizeBytes: 3 },
    { path: 'bin/b', kind: 'hard-link', linkPath: '/bin/a', mode: 0o4755, uid: 7 },
  );
  assert.equal(at(tree, 'bin/a'), at(tree, 'bin/b'));
  assert.equal(at(tree, 'bin/a')?.mode, 0o4755);
  assert.equal(at(tree, 'bin/a')?.uid, 7);
});

test('a hard link to what the layer does not have, or to a directory, is refused by name', () => {
  const missing = { path: 'x', kind: 'hard-link', linkPath: 'lower/file' } as const;
  assert.throws(
    () => build(missing),
    (e) => isCodedError(e, 'invalid_argument') && e.message.includes('lower/file'),
  );
  assert.throws(() => build({ path: 'd/' }, { path: 'x', kind: 'hard-link', linkPath: 'd' }), /directory/);
});

test('a file as parent is refused', () => {
  assert.throws(
    () => build({ path: 'f' }, { path: 'f/x' }),
    (e) => isCodedError(e, 'invalid_argument'),
  );
});

test('directories that no entry named are known, until one names them', () => {
  const tree = build({ path: 'a/b/c/f' }, { path: 'a/b/' }, { path: 'x\xe9/f' });
  assert.deepEqual(tree.impliedDirectories(), ['a', 'a/b/c', 'x\xe9']);
});

test('times that no nanosecond clock can say become 1970', () => {
  for (const seconds of [-1, 10_000_000_000]) {
    assert.equal(at(build({ path: 'f', modified: { seconds, nanoseconds: 1 } }), 'f')?.modified.seconds, 0);
  }
  assert.equal(at(build({ path: 'f' }), 'f')?.modified.nanoseconds, 5);
});

test('xattrs that Linux keeps nowhere are left out', () => {
  const xattrs = new Map([
    ['user.a', Buffer.from('1')],
    ['strange', Buffer.from('2')],
  ]);
  assert.deepEqual([...(at(build({ path: 'f', xattrs }), 'f')?.xattrs.keys() ?? [])], ['user.a']);
});

test('the metadata of aufs is left out', () => {
  const tree = build({ path: '.wh..wh.plnk/1.2' }, { path: '.wh..wh.aufs' });
  assert.equal(tree.root.entries.size, 0);
});
