import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { crc32c } from './crc32c.ts';
import { decodeImage, encodeImage, type DirectoryInode, type Inode, type ReadRange } from './index.ts';
import { randomTree, seededRandom } from './testing/random.ts';
import { UUID, crowd, directory, everyKind, file, symlink } from './testing/trees.ts';

test('decodeImage() gives back the tree that was encoded', () => {
  for (let seed = 1; seed <= 60; seed++) assertRoundTrip(randomTree(seededRandom(seed), seed * 10, 30), 30);
});

test('decodeImage() gives back every kind, border sizes and large directories', () => {
  assertRoundTrip(everyKind(), 2);
  assertRoundTrip(directory({ crowd: crowd(5_000), alone: crowd(1), none: crowd(0) }), 0);
  for (const length of [1, 4_031, 4_032, 4_033, 4_095])
    assertRoundTrip(directory({ link: symlink('x'.repeat(length)) }), 0);
  for (const size of [0, 1, 4_096, 4_097, 2 ** 31 + 1, 2 ** 43])
    assertRoundTrip(directory({ file: file(size) }), 2 ** 31);
});

test('decodeImage() tells what the superblock says', () => {
  const { root: _, walk: _walk, ...superblock } = decodeImage(encode(directory({ a: file(1, 6) }), 7));
  assert.deepEqual(superblock, {
    imageBlocks: 1,
    blobBlocks: 7,
    inodeCount: 2,
    rootNid: 40,
    uuid: UUID,
    buildTime: -5,
  });
});

test('decodeImage() gives one object for all names of an inode', () => {
  const shared = file(9, 1);
  const { root } = decodeImage(
    encode(directory({ a: shared, d: directory({ b: shared }), c: file(9, 1) }), 3),
  );
  const inner = root.entries.get('d') as DirectoryInode;
  assert.equal(inner.entries.get('b'), root.entries.get('a'));
  assert.notEqual(root.entries.get('c'), root.entries.get('a'));
});

test('decodeImage() reads directories only when they are asked for', () => {
  const bytes = encode(directory({ a: crowd(2_000), b: crowd(2_000) }), 0);
  const reads: number[] = [];
  const { root } = decodeImage((offset, length) => {
    reads.push(length);
    return bytes.subarray(offset, offset + length);
  });
  assert.ok(reads.length < 5);
  assert.equal(root.entries.size, 2);
  assert.ok(reads.length < 20);
});

test('walk() gives every name with what it names, those of a directory behind it', () => {
  const shared = file(9, 1);
  const tree = directory({ a: shared, d: directory({ b: shared, e: directory() }), z: symlink('a') });
  const walked = [...decodeImage(encode(tree, 3)).walk()];
  assert.deepEqual(
    walked.map(({ path, kind }) => `${path} ${kind}`),
    ['a file', 'd directory', 'd/b file', 'd/e directory', 'z symlink'],
  );
  assert.deepEqual(walked[2], { path: 'd/b', kind: 'file', sizeBytes: 9, blobBlock: 1 });
  for (let seed = 1; seed <= 20; seed++) {
    const { root, walk } = decodeImage(encode(randomTree(seededRandom(seed), seed * 10, 30), 30));
    assert.deepEqual([...walk()], [...entriesOf(root)]);
  }
});

test('decodeImage() and walk() look at nothing that was read before the last time', () => {
  const bytes = encode(fuzzed(), 20);
  let last = Buffer.alloc(0);
  const { root, walk } = decodeImage((offset, length) => {
    last.fill(0xff);
    last = Buffer.from(bytes.subarray(offset, offset + length));
    return last;
  });
  assert.deepEqual(root, decodeImage(bytes).root);
  assert.deepEqual([...walk()], [...entriesOf(root)]);
});

test('walk() takes no more stack for deeper trees', () => {
  let deep = directory({ file: file(5, 1) });
  for (let depth = 0; depth < 2_000; depth++) deep = directory({ d: deep });
  const walked = [...decodeImage(encode(deep, 2)).walk()];
  assert.equal(walked.length, 2_001);
  assert.equal(walked.at(-1)?.path, `${'d/'.repeat(2_000)}file`);
});

test('walk() holds no more of a large directory than the block that it is in', () => {
  const bytes = encode(directory({ crowd: crowd(5_000) }), 0);
  let readBytes = 0;
  const { walk } = decodeImage((offset, length) => {
    readBytes += length;
    return bytes.subarray(offset, offset + length);
  });
  let [seen, most, before] = [0, 0, readBytes];
  for (const _ of walk()) {
    seen += 1;
    most = Math.max(most, readBytes - before);
    before = readBytes;
  }
  assert.equal(seen, 5_001);
  assert.ok(most < 2 * 4_096, `${most} bytes at once`);
});

test('decodeImage() refuses bytes that are no image of ours', () => {
  const bytes = encode(everyKind(), 2);
  const cases: [name: string, bytes: Uint8Array][] = [
    ['empty', new Uint8Array()],
    ['zeros', new Uint8Array(8_192)],
    ['magic', patched(bytes, 1_024, 0)],
    ['checksum', patched(bytes, 4_095, 1)],
    ['feature', sealed(patched(bytes, 1_024 + 80, 0x0d))],
    ['block size', sealed(patched(bytes, 1_024 + 12, 9))],
    ['devices', sealed(patched(bytes, 1_024 + 86, 2))],
    ['root', sealed(patched(bytes, 1_024 + 14, 0))],
  ];
  for (const [name, damaged] of cases) assert.throws(() => decodeImage(damaged), isDataLoss, name);
});

test('decodeImage() and a walk end with data_loss or a tree when an image is cut short', () => {
  const bytes = encode(fuzzed(), 20);
  for (let length = 0; length < bytes.length; length += 61) {
    const cut = bytes.subarray(0, length);
    assert.throws(() => count(decodeImage(cut).root), isDataLoss, `${length} bytes`);
    assert.throws(() => [...decodeImage(cut).walk()], isDataLoss, `a walk of ${length} bytes`);
  }
});

test('decodeImage() and a walk end with data_loss or a tree whatever bits are flipped', () => {
  const bytes = encode(fuzzed(), 20);
  const random = seededRandom(6);
  let refused = 0;
  for (let round = 0; round < 4_000; round++) {
    const damaged = Buffer.from(bytes);
    const flips = 1 + (round % 3);
    for (let flip = 0; flip < flips; flip++) {
      const at = 1_024 + random(bytes.length - 1_024);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << random(8));
    }
    if (!survives(sealed(damaged))) refused++;
  }
  assert.ok(refused > 500, `only ${refused} were refused`);
});

test('a walk ends even where directories name each other', () => {
  const bytes = encode(directory({ a: directory({ b: directory({ c: directory() }) }) }), 0);
  const random = seededRandom(7);
  const nids = [40, 44, 48, 52];
  for (let round = 0; round < 2_000; round++) {
    const damaged = Buffer.from(bytes);
    for (let at = 1_280; at < bytes.length; at += 4) {
      const isNid = nids.includes(damaged.readUInt32LE(at)) && random(4) === 0;
      if (isNid) damaged.writeUInt32LE(nids[random(4)] ?? 0, at);
    }
    survives(sealed(damaged));
  }
});

/** Inodes of every kind, a directory of two blocks, large xattrs. */
function fuzzed(): DirectoryInode {
  return directory({ all: everyKind(), crowd: crowd(210), random: randomTree(seededRandom(8), 30, 20) });
}

/**
 * Whether there is a tree; fails the test if decoding or a walk throws anything else than data_loss or reads outside the image,
 * and unless the walk gives what is in the tree, and of what is no tree at most as many names as the image has bytes for.
 */
function survives(bytes: Buffer): boolean {
  const read: ReadRange = (offset, length) => {
    assert.ok(offset >= 0 && length >= 0 && offset + length <= bytes.length, `read ${length} at ${offset}`);
    return bytes.subarray(offset, offset + length);
  };
  const walked = unlessLost(() => {
    let names = 0;
    for (const { path } of decodeImage(read).walk()) {
      assert.ok(path.length > 0 && ++names < bytes.length / 12);
    }
    return names;
  });
  const entries = unlessLost(() => {
    const { root, walk } = decodeImage(read);
    const expected = [...entriesOf(root)];
    assert.deepEqual([...walk()], expected);
    return expected.length;
  });
  if (entries !== undefined) assert.equal(walked, entries);
  return entries !== undefined;
}

function unlessLost<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (!isDataLoss(error)) throw error;
    return undefined;
  }
}

/** What walk() should give. */
function* entriesOf(directory: DirectoryInode, path = ''): Generator<object> {
  for (const [name, inode] of directory.entries) {
    const { kind } = inode;
    const { sizeBytes, blobBlock } = inode.kind === 'file' ? inode : { sizeBytes: 0, blobBlock: 0 };
    yield { path: path + name, kind, sizeBytes, blobBlock };
    if (inode.kind === 'directory') yield* entriesOf(inode, `${path}${name}/`);
  }
}

function count(inode: Inode): number {
  if (inode.kind !== 'directory') return 1;
  let inodes = 1;
  for (const child of inode.entries.values()) inodes += count(child);
  return inodes;
}

function assertRoundTrip(root: DirectoryInode, blobBlocks: number): void {
  const bytes = encode(root, blobBlocks);
  const decoded = decodeImage(bytes);
  assert.deepEqual(decoded.root, root);
  assert.ok(encode(decoded.root, blobBlocks).equals(bytes), 'encoded again it differs');
}

function encode(root: DirectoryInode, blobBlocks: number): Buffer {
  return Buffer.concat([...encodeImage(root, { blobBlocks, uuid: UUID, buildTime: -5 }).pieces()]);
}

function patched(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

/** With the checksum made right again, so that damage reaches the decoders behind it. */
function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(0, 1_028);
  bytes.writeUInt32LE(crc32c(bytes.subarray(1_024, 4_096)), 1_028);
  return bytes;
}

function isDataLoss(error: unknown): boolean {
  return isCodedError(error, 'data_loss') && error.cure !== undefined;
}
