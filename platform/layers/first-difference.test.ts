import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeImage, encodeImage, type DirectoryInode, type Inode } from '@lade/erofs';
import { firstDifference } from './first-difference.ts';

const BLOB_BLOCKS = 100;

function attributes(): Omit<Extract<Inode, { kind: 'fifo' }>, 'kind'> {
  const xattrs = new Map([['user.a', Buffer.from('b')]]);
  return { mode: 0o644, uid: 1, gid: 2, modified: { seconds: 3, nanoseconds: 4 }, xattrs };
}

const FILE: Inode = { kind: 'file', ...attributes(), sizeBytes: 5000, blobBlock: 7 };
const LINK: Inode = { kind: 'symlink', ...attributes(), target: 'there' };
const DISK: Inode = { kind: 'block-device', ...attributes(), device: { major: 1, minor: 2 } };
const FIFO: Inode = { kind: 'fifo', ...attributes() };

function directory(entries: Record<string, Inode>): DirectoryInode {
  return { kind: 'directory', ...attributes(), entries: new Map(Object.entries(entries)) };
}

function tree(changes: Record<string, Inode> = {}): DirectoryInode {
  const inner = { file: FILE, link: LINK, disk: DISK, fifo: FIFO, again: FILE, ...changes };
  return directory({ a: directory({ deep: directory(inner) }), b: FIFO });
}

test('a tree equals itself, in whatever order its entries are, and what is decoded from its image', async () => {
  assert.equal(await firstDifference(tree(), tree()), undefined);
  const { entries } = tree();
  assert.equal(await firstDifference(tree(), directory({ b: FIFO, a: entries.get('a') ?? FIFO })), undefined);
  const image = encodeImage(tree(), { blobBlocks: BLOB_BLOCKS, uuid: Buffer.alloc(16), buildTime: 0 });
  const decoded = decodeImage(Buffer.concat([...image.pieces()]));
  assert.equal(await firstDifference(tree(), decoded.root), undefined);
  assert.equal(await firstDifference(decoded.root, tree()), undefined);
});

test('every attribute and content that differs is found, and its path told', async () => {
  const changes: readonly (readonly [string, Inode])[] = [
    ['file', { ...FILE, mode: 0o600 }],
    ['file', { ...FILE, uid: 9 }],
    ['file', { ...FILE, gid: 9 }],
    ['file', { ...FILE, modified: { seconds: 9, nanoseconds: 4 } }],
    ['file', { ...FILE, modified: { seconds: 3, nanoseconds: 9 } }],
    ['file', { ...FILE, sizeBytes: 5001 }],
    ['file', { ...FILE, blobBlock: 8 }],
    ['file', { ...FILE, xattrs: new Map() }],
    ['file', { ...FILE, xattrs: new Map([['user.a', Buffer.from('c')]]) }],
    ['file', { ...FILE, xattrs: new Map([['user.b', Buffer.from('b')]]) }],
    ['file', FIFO],
    ['link', { ...LINK, target: 'elsewhere' }],
    ['disk', { ...DISK, device: { major: 9, minor: 2 } }],
    ['disk', { ...DISK, device: { major: 1, minor: 9 } }],
    ['disk', { ...DISK, kind: 'character-device' }],
    ['fifo', { ...FIFO, kind: 'socket' }],
    ['fifo', directory({})],
  ];
  for (const [name, inode] of changes)
    for (const [one, other] of bothWays(tree({ again: FIFO }), tree({ again: FIFO, [name]: inode })))
      assert.match((await firstDifference(one, other)) ?? 'nothing', /^\/a\/deep\/[a-z]+$/, name);
  assert.equal(await firstDifference(directory({}), { ...directory({}), mode: 0 }), '/');
});

test('an entry that one tree lacks is found, whichever tree it is', async () => {
  for (const [one, other] of bothWays(tree(), tree({ more: FIFO })))
    assert.equal(await firstDifference(one, other), '/a/deep');
  const renamed = (name: string): DirectoryInode => directory({ [name]: FIFO });
  assert.equal(await firstDifference(renamed('x'), renamed('y')), '/x');
});

test('two names of one inode are not two inodes, whichever tree has them', async () => {
  for (const [one, other] of bothWays(tree(), tree({ again: { ...FILE } })))
    assert.match((await firstDifference(one, other)) ?? 'nothing', /^\/a\/deep\/(?:file|again)$/);
});

test('trees deeper than the call stack are compared', async () => {
  const deep = (end: Inode): DirectoryInode => {
    let root = directory({ end });
    for (let depth = 0; depth < 2_000; depth++) root = directory({ d: root });
    return root;
  };
  assert.equal(await firstDifference(deep(FILE), deep({ ...FILE })), undefined);
  assert.equal(await firstDifference(deep(FILE), deep(FIFO)), `${'/d'.repeat(2_000)}/end`);
});

function bothWays<T>(one: T, other: T): readonly (readonly [T, T])[] {
  return [
    [one, other],
    [other, one],
  ];
}
