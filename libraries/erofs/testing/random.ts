import type { DirectoryInode, Inode, InodeAttributes } from '../index.ts';
import { attributes } from './trees.ts';

/** Whole numbers below `limit`, the same for the same seed (mulberry32). */
export type Random = (limit: number) => number;

export function seededRandom(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** A tree of about `inodes` inodes of every kind over a blob of `blobBlocks`, with hard links. */
export function randomTree(random: Random, inodes: number, blobBlocks: number): DirectoryInode {
  const root = new Map<string, Inode>();
  const open = [root];
  const linkable: Inode[] = [];
  for (let count = 0; count < inodes; count++) {
    const parent = open[random(open.length)] ?? root;
    const inode = linkable[random(linkable.length * 8)] ?? randomInode(random, blobBlocks);
    parent.set(randomName(random), inode);
    if (inode.kind !== 'directory') linkable.push(inode);
    else open.push(inode.entries as Map<string, Inode>);
  }
  return { ...randomAttributes(random), kind: 'directory', entries: root };
}

function randomInode(random: Random, blobBlocks: number): Inode {
  const common = randomAttributes(random);
  const kinds = [
    'file',
    'file',
    'file',
    'directory',
    'symlink',
    'character-device',
    'block-device',
    'fifo',
    'socket',
  ] as const;
  const kind = kinds[random(kinds.length)] ?? 'file';
  switch (kind) {
    case 'file': {
      const blobBlock = random(blobBlocks);
      const sizeBytes = random(3) === 0 ? 0 : random((blobBlocks - blobBlock) * 4096) + 1;
      return { ...common, kind, sizeBytes, blobBlock: sizeBytes === 0 ? 0 : blobBlock };
    }
    case 'directory':
      return { ...common, kind, entries: new Map() };
    case 'symlink':
      return { ...common, kind, target: randomBytes(random, random(10) === 0 ? 4095 : 60, 1) };
    case 'character-device':
    case 'block-device':
      return { ...common, kind, device: { major: random(4096), minor: random(1_048_576) } };
    case 'fifo':
    case 'socket':
      break;
  }
  return { ...common, kind };
}

function randomAttributes(random: Random): InodeAttributes {
  const xattrs = new Map<string, Uint8Array>();
  for (let count = random(8) === 0 ? random(5) : 0; count > 0; count--) {
    const prefix = ['user.', 'trusted.', 'security.'][random(3)];
    xattrs.set(
      `${prefix}${randomBytes(random, 40, 1)}`,
      new Uint8Array(random(random(2) === 0 ? 40 : 6000)).fill(random(256)),
    );
  }
  const seconds = random(2 ** 40) - 2 ** 39;
  const modified = { seconds, nanoseconds: random(1e9) };
  return attributes({
    mode: random(0o10000),
    uid: random(0xffff_ffff),
    gid: random(70_000),
    modified,
    xattrs,
  });
}

function randomName(random: Random): string {
  const name = randomBytes(random, random(10) === 0 ? 255 : 20, 1).replaceAll('/', '_');
  return name === '.' || name === '..' ? 'dots' : name;
}

function randomBytes(random: Random, maxLength: number, lowest: number): string {
  return String.fromCharCode(
    ...Array.from({ length: 1 + random(maxLength) }, () => lowest + random(256 - lowest)),
  );
}
