import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { encodeImage, isXattrSupported, type DirectoryInode, type Inode } from './index.ts';
import { randomTree, seededRandom } from './testing/random.ts';
import { UUID, attributes, crowd, directory, file, symlink } from './testing/trees.ts';

test('the pieces of an image leave out nothing, however the blocks of inodes fall on them', () => {
  const entryOf = (i: number): Inode =>
    i % 7 === 0 ? symlink('t'.repeat(1 + ((i * 997) % 4000))) : file(1, 0);
  for (const count of [4_000, 4_001, 4_002, 4_003]) {
    const names = Array.from({ length: count }, (_, i) => [String(i + count), entryOf(i)] as const);
    const image = encodeImage(directory(Object.fromEntries(names)), {
      blobBlocks: 1,
      uuid: UUID,
      buildTime: 0,
    });
    const sizes = [...image.pieces()].map((piece) => piece.byteLength);
    assert.ok(sizes.length > 3 && sizes.every((size) => size <= 512 * 1024));
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      image.sizeBytes,
    );
  }
});

test('encodeImage() gives these bytes for a tiny tree', () => {
  const tiny = directory({
    a: file(4_097, 2, { mode: 0o4755, uid: 1, gid: 2, modified: { seconds: -1, nanoseconds: 5 } }),
    b: symlink('a', { xattrs: new Map([['trusted.x', Buffer.from('yz')]]) }),
  });
  assert.deepEqual(rowsOf(encode(tiny, 4)), [
    '1024: e2e1f5e0addab4a3030000000c002800',
    '1040: 030000000000000000f1536500000000',
    '1056: 00000000010000000000000000000000',
    '1072: 0102030405060708090a0b0c0d0e0f10',
    '1104: 0c000000000001000900000000000000',
    '1152: 30313032303330343035303630373038',
    '1168: 30393061306230633064306530663130',
    '1216: 04000000010000000000000000000000',
    '1280: 05000000ed4100003500000000000000',
    '1296: 00000000010000000000000000000000',
    '1312: 00f153650000000015cd5b0702000000',
    '1344: 28000000000000003000020028000000',
    '1360: 00000000310002002c00000000000000',
    '1376: 330001002f0000000000000034000700',
    '1392: 2e2e2e61620000000000000000000000',
    '1408: 09000000ed8900000110000000000000',
    '1424: 21000000020000000100000002000000',
    '1440: ffffffffffffffff0500000001000000',
    '1472: 00000100020000000000000000000000',
    '1504: 05000300ffa100000100000000000000',
    '1520: 00000000030000000000000000000000',
    '1536: 00f153650000000015cd5b0701000000',
    '1568: 00000000000000000000000001040200',
    '1584: 78797a00610000000000000000000000',
  ]);
});

test('encodeImage() depends on neither the order of maps nor the run', () => {
  const tree = randomTree(seededRandom(5), 2_000, 50);
  const bytes = encode(tree, 50);
  assert.ok(bytes.equals(encode(tree, 50)));
  assert.ok(bytes.equals(encode(reversed(tree) as DirectoryInode, 50)));
});

test('encodeImage() says size and inode count, and gives pieces of 64 KiB at least', () => {
  const xattrs = new Map([1, 2, 3, 4].map((index) => [`user.${index}`, new Uint8Array(65_000)]));
  const large = Array.from({ length: 30 }, (_, index) => [`large-${index}`, file(0, 0, { xattrs })]);
  const tree = directory({ many: crowd(60_000), ...Object.fromEntries(large) });
  const image = encodeImage(tree, { blobBlocks: 0, uuid: UUID, buildTime: 0 });
  const pieces = [...image.pieces()];
  assert.equal(image.inodeCount, 60_032);
  assert.equal(image.sizeBytes, Buffer.concat(pieces).length);
  assert.ok(pieces.length > 10);
  for (const piece of pieces.slice(0, -1)) assert.ok(piece.length >= 65_536 && piece.length <= 524_288);
  assert.ok(Buffer.concat(pieces).equals(Buffer.concat([...image.pieces()])), 'a second iteration differs');
});

test('encodeImage() refuses what EROFS or Linux cannot hold, and names it', () => {
  const loop = directory();
  (loop.entries as Map<string, Inode>).set('again', loop);
  const twice = directory();
  const xattrs = (name: string, bytes: number) => ({ xattrs: new Map([[name, new Uint8Array(bytes)]]) });
  const heaps = new Map([1, 2, 3, 4, 5].map((index) => [`user.${index}`, new Uint8Array(60_000)]));
  const device = (major: number, minor: number): Inode => ({
    ...attributes(),
    kind: 'block-device',
    device: { major, minor },
  });
  const cases: [path: string, inode: Inode, state: RegExp][] = [
    ['n'.repeat(256), file(0), /its name has 256 bytes/],
    ['..', file(0), /dot name/],
    ['', file(0), /its name is empty/],
    ['a\0', file(0), /a zero/],
    ['\u0100', file(0), /a character above 255/],
    ['mode', file(0, 0, { mode: 0o10000 }), /its mode/],
    ['uid', file(0, 0, { uid: 2 ** 32 }), /its owner/],
    ['gid', file(0, 0, { gid: -1 }), /its owner/],
    ['time', file(0, 0, { modified: { seconds: 0.5, nanoseconds: 0 } }), /its time/],
    ['time', file(0, 0, { modified: { seconds: 0, nanoseconds: 1e9 } }), /its time/],
    ['name', file(0, 0, xattrs('com.apple.quarantine', 1)), /no place for the xattr "com.apple.quarantine"/],
    ['suffix', file(0, 0, xattrs('user.', 1)), /no place/],
    ['value', file(0, 0, xattrs('user.a', 65_536)), /the xattr user.a has 65536 bytes/],
    ['heaps', file(0, 0, { xattrs: heaps }), /its xattrs take 300\d\d\d bytes/],
    ['link', symlink('x'.repeat(4_096)), /its target has 4096 bytes/],
    ['link', symlink(''), /its target is empty/],
    ['size', file(-1), /its size/],
    ['size', file(2 ** 43 + 1), /its size/],
    ['outside', file(4_097, 9), /are not within the 10 blocks/],
    ['outside', file(1, -1), /are not within/],
    ['device', device(4_096, 0), /its device number/],
    ['device', device(0, 1_048_576), /its device number/],
    ['loop/again', loop, /another name/],
    ['twice/b', directory({ a: twice, b: twice }), /another name/],
  ];
  for (const [path, inode, state] of cases) {
    const [first = '', ...rest] = path.split('/');
    const root = directory({ before: directory({ x: file(0) }), deep: directory({ [first]: inode }) });
    const whole = `/deep/${[first, ...rest].join('/')}`;
    assert.throws(
      () => encode(root, 10),
      (error) =>
        isCodedError(error, 'invalid_argument') &&
        error.details['path'] === whole &&
        state.test(error.message),
      path,
    );
  }
});

test('encodeImage() refuses a blob that block addresses cannot reach', () => {
  const options = { uuid: UUID, buildTime: 0 };
  assert.equal(encodeImage(directory(), { ...options, blobBlocks: 2 ** 32 - 2 }).sizeBytes, 4_096);
  for (const blobBlocks of [2 ** 32 - 1, 2 ** 40])
    assert.throws(
      () => encodeImage(directory(), { ...options, blobBlocks }),
      (error) => isCodedError(error, 'invalid_argument') && /1 blocks over a blob of \d+/.test(error.message),
    );
  assert.throws(() => encodeImage(directory(), { ...options, blobBlocks: -1 }), RangeError);
  assert.throws(
    () => encodeImage(directory(), { ...options, blobBlocks: 1, uuid: new Uint8Array(15) }),
    RangeError,
  );
});

test('encodeImage() takes trees deeper than the call stack', () => {
  let root = directory();
  for (let depth = 0; depth < 50_000; depth++) root = directory({ d: root });
  assert.equal(encodeImage(root, { blobBlocks: 0, uuid: UUID, buildTime: 0 }).inodeCount, 50_001);
});

test('isXattrSupported() knows what EROFS has a place for', () => {
  for (const name of ['user.a', 'trusted.overlay.opaque', 'security.capability', 'system.posix_acl_access'])
    assert.ok(isXattrSupported(name), name);
  for (const name of [
    'user.',
    'system.posix_acl_accessory',
    'lustre.a',
    '',
    'user.\0',
    `user.${'a'.repeat(251)}`,
  ])
    assert.ok(!isXattrSupported(name), name);
});

function encode(root: DirectoryInode, blobBlocks: number): Buffer {
  return Buffer.concat([...encodeImage(root, { blobBlocks, uuid: UUID, buildTime: 1_700_000_000 }).pieces()]);
}

/** The rows of 16 bytes that are not all zero. */
function rowsOf(bytes: Buffer): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    if (row.some((byte) => byte !== 0)) rows.push(`${at}: ${row.toString('hex')}`);
  }
  return rows;
}

/** The same tree with every map the other way round; hard links stay. */
function reversed(inode: Inode, known = new Map<Inode, Inode>()): Inode {
  const copy = known.get(inode) ?? { ...inode, xattrs: new Map([...inode.xattrs].toReversed()) };
  known.set(inode, copy);
  if (inode.kind !== 'directory') return copy;
  const entries = [...inode.entries]
    .toReversed()
    .map(([name, child]) => [name, reversed(child, known)] as const);
  return { ...inode, xattrs: copy.xattrs, entries: new Map(entries) };
}
