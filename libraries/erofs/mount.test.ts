import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { contentHash, writeImageFiles } from './testing/image-files.ts';
import { walkMounted, type KernelInode } from './testing/kernel-tree.ts';
import { randomTree, seededRandom } from './testing/random.ts';
import { crowd, directory, everyKind, file, symlink, whiteout } from './testing/trees.ts';
import type { DirectoryInode, Inode } from './index.ts';

const TYPES = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  'character-device': 0o020000,
  'block-device': 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
};

test('Linux shows every kind of inode with all its attributes', async (t) => {
  await assertMounts(t, everyKind(), 2);
});

test('Linux shows one inode and its link count under all names of a hard link', async (t) => {
  const shared = file(5_000, 1);
  const link = symlink('a');
  const tree = directory({
    a: shared,
    b: directory({ c: shared, d: link, e: directory() }),
    f: link,
    g: shared,
  });
  const seen = await assertMounts(t, tree, 3);
  assert.equal(seen?.get(hex('/a'))?.links, 3);
  assert.equal(seen?.get(hex('/a'))?.ino, seen?.get(hex('/b/c'))?.ino);
  assert.equal(seen?.get(hex('/f'))?.links, 2);
  assert.equal(seen?.get(hex('/b'))?.links, 3);
});

test('Linux lists and looks up in directories of every size', async (t) => {
  const crowds = Object.fromEntries(
    [0, 1, 200, 5_000, 50_000].map((count) => [`crowd-${count}`, crowd(count)]),
  );
  await assertMounts(t, directory(crowds), 0);
});

test('Linux lists directories whose size is near a block', async (t) => {
  const edges: Record<string, Inode> = {};
  for (let length = 230; length < 255; length++) edges[`length-${length}`] = directoryOf(16, length);
  for (let count = 198; count < 208; count++) edges[`count-${count}`] = directoryOf(count, 8);
  await assertMounts(t, directory(edges), 0);
});

test('Linux follows symlinks of every length, also beside xattrs', async (t) => {
  const links: Record<string, Inode> = {};
  for (const length of [1, 59, 60, 100, 2_000, 4_000, 4_031, 4_032, 4_033, 4_094, 4_095]) {
    links[`plain-${length}`] = symlink('x'.repeat(length));
    links[`xattrs-${length}`] = symlink('x'.repeat(length), {
      xattrs: new Map([['trusted.x', new Uint8Array(50)]]),
    });
  }
  await assertMounts(t, directory(links), 0);
});

test('Linux reads files of every size from the blob, also beyond 4 GiB', async (t) => {
  const far = 2 ** 20 + 3;
  const tree = directory({
    '0': file(0),
    '1': file(1, 0),
    '4095': file(4_095, 1),
    '4096': file(4_096, 2),
    '4097': file(4_097, 3),
    '10M': file(10 * 2 ** 20, 5, { xattrs: new Map([['user.a', new Uint8Array(6)]]) }),
    '10M+1': file(10 * 2 ** 20 + 1, 2_600),
    far: file(12_289, far),
  });
  await assertMounts(t, tree, far + 4);
});

test('Linux shows random trees as they are', async (t) => {
  for (const seed of [1, 2, 3]) await assertMounts(t, randomTree(seededRandom(seed), 600, 40), 40);
});

test('overlayfs takes the character device 0:0 as a whiteout and trusted.overlay.opaque as opaque', async (t) => {
  await using lower = await writeImageFiles(
    directory({
      gone: file(1, 0),
      kept: file(2, 0),
      hidden: directory({ old: file(0) }),
      merged: directory({ old: file(0) }),
    }),
    1,
  );
  await using upper = await writeImageFiles(
    directory({
      gone: whiteout(),
      hidden: directory(
        { new: file(0) },
        { xattrs: new Map([['trusted.overlay.opaque', Buffer.from('y')]]) },
      ),
      merged: directory({ new: file(0) }),
    }),
    0,
  );
  const seen = await walkMounted(t, lower, upper);
  if (seen === undefined) return;
  const paths = [...seen.keys()].map((path) => Buffer.from(path, 'hex').toString());
  assert.deepEqual(paths, ['', '/hidden', '/hidden/new', '/kept', '/merged', '/merged/new', '/merged/old']);
});

async function assertMounts(
  t: TestContext,
  root: DirectoryInode,
  blobBlocks: number,
): Promise<Map<string, KernelInode> | undefined> {
  await using files = await writeImageFiles(root, blobBlocks);
  const seen = await walkMounted(t, files);
  if (seen === undefined) return undefined;
  const paths = pathsOf(root);
  const links = new Map<Inode, number>();
  for (const inode of paths.values()) links.set(inode, (links.get(inode) ?? 0) + 1);
  const inos = new Map<Inode, number>();
  assert.deepEqual([...seen.keys()].sort(), [...paths.keys()].sort());
  for (const [path, inode] of paths) {
    const { ino, size, ...rest } = seen.get(path) as KernelInode;
    const name = Buffer.from(path, 'hex').toString('latin1');
    assert.deepEqual(rest, expected(inode, links.get(inode) ?? 0), name);
    if (inode.kind !== 'directory') assert.equal(size, sizeOf(inode), name);
    assert.equal(inos.get(inode) ?? ino, ino, name);
    inos.set(inode, ino);
  }
  assert.equal(new Set(inos.values()).size, inos.size, 'two inodes have one number');
  return seen;
}

function expected(inode: Inode, names: number): Omit<KernelInode, 'ino' | 'size'> {
  const { seconds, nanoseconds } = inode.modified;
  const { major, minor } = 'device' in inode ? inode.device : { major: 0, minor: 0 };
  return {
    mode: TYPES[inode.kind] | inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    modifiedNs: String(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)),
    links: inode.kind === 'directory' ? 2 + subdirectories(inode) : names,
    device: [major, minor],
    xattrs: Object.fromEntries([...inode.xattrs].map((xattr) => expectedXattr(inode, xattr))),
    content: expectedContent(inode),
  };
}

function expectedContent(inode: Inode): string | null {
  if (inode.kind === 'symlink') return hex(inode.target);
  return inode.kind === 'file' && inode.sizeBytes > 0 ? contentHash(inode) : null;
}

/** Linux lists user xattrs wherever a file system has them, but reads them of files and directories only. */
function expectedXattr({ kind }: Inode, [name, value]: [string, Uint8Array]): [string, string | null] {
  const isReadable = kind === 'file' || kind === 'directory' || !name.startsWith('user.');
  return [hex(name), isReadable ? Buffer.from(value).toString('hex') : null];
}

function subdirectories(inode: DirectoryInode): number {
  return [...inode.entries.values()].filter(({ kind }) => kind === 'directory').length;
}

function sizeOf(inode: Inode): number {
  if (inode.kind === 'file') return inode.sizeBytes;
  return inode.kind === 'symlink' ? inode.target.length : 0;
}

function pathsOf(inode: Inode, path = ''): Map<string, Inode> {
  const paths = new Map([[hex(path), inode]]);
  if (inode.kind !== 'directory') return paths;
  for (const [name, child] of inode.entries)
    for (const [below, found] of pathsOf(child, `${path}/${name}`)) paths.set(below, found);
  return paths;
}

function directoryOf(count: number, nameBytes: number): DirectoryInode {
  return directory(
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`${index}`.padStart(nameBytes, '-'), file(0)]),
    ),
  );
}

function hex(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('hex');
}
