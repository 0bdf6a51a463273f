import { CHUNK_INDEX_BYTES, chunkFormatOf, decodeChunkIndex } from './chunk-index.ts';
import { corruptImage } from './corrupt-image.ts';
import { decodeDirectoryBlock } from './directory.ts';
import { BLOCK_BYTES, FIRST_INODE_OFFSET, INODE_BYTES, SLOT_BYTES, alignUp, blocksFor } from './geometry.ts';
import {
  DATA_LAYOUT,
  decodeInodeRecord,
  direntTypeOf,
  type InodeKind,
  type InodeRecord,
} from './inode-record.ts';

export interface OpenImage {
  readonly blobBlocks: number;
  /** Exactly these bytes, until the next call; throws `data_loss` naming the inode at `nid` if the image does not have them. */
  read(offset: number, length: number, nid: number): Buffer;
}

/** An inode's record and what tells where it is. */
export interface LocatedInode {
  readonly nid: number;
  readonly parentNid: number;
  readonly record: InodeRecord;
  /** Behind inode and xattrs. */
  readonly tailAt: number;
}

/** An entry of a directory. */
export interface Dirent {
  readonly name: string;
  readonly nid: number;
  readonly type: number;
}

export function locateInode(image: OpenImage, nid: number, parentNid: number): LocatedInode {
  const offset = nid * SLOT_BYTES;
  if (offset < FIRST_INODE_OFFSET) throw corruptImage(nid, 'it lies in the superblock');
  const record = decodeInodeRecord(image.read(offset, INODE_BYTES, nid), nid);
  return { nid, parentNid, record, tailAt: offset + INODE_BYTES + record.xattrBytes };
}

export function checkEmpty({ record, nid }: LocatedInode): void {
  if (record.sizeBytes !== 0 || record.layout !== DATA_LAYOUT.plain)
    throw corruptImage(nid, `it is a ${record.kind} with data`);
}

/** A file's first block on the blob; 0 for an empty file. */
export function decodeExtent(image: OpenImage, located: LocatedInode): number {
  const { record, nid, tailAt } = located;
  if (record.sizeBytes === 0) {
    checkEmpty(located);
    return 0;
  }
  if (record.layout !== DATA_LAYOUT.chunks || record.location !== chunkFormatOf(record.sizeBytes))
    throw corruptImage(nid, 'it is not laid out as one chunk');
  return decodeChunkIndex(image.read(alignUp(tailAt, CHUNK_INDEX_BYTES), CHUNK_INDEX_BYTES, nid), nid);
}

/** Block number `block` of the data of a directory or symlink. */
export function readContent(image: OpenImage, { record, nid, tailAt }: LocatedInode, block: number): Buffer {
  const length = Math.min(BLOCK_BYTES, record.sizeBytes - block * BLOCK_BYTES);
  if (record.layout === DATA_LAYOUT.chunks) throw corruptImage(nid, 'its data is on the blob');
  if (record.layout === DATA_LAYOUT.plain || length === BLOCK_BYTES)
    return image.read((record.location + block) * BLOCK_BYTES, length, nid);
  if ((tailAt % BLOCK_BYTES) + length > BLOCK_BYTES)
    throw corruptImage(nid, 'its inline data crosses a block border');
  return image.read(tailAt, length, nid);
}

/** A directory's entries in the order of their names, without `.` and `..`; a block of them is held at a time. */
export function* decodeDirents(image: OpenImage, directory: LocatedInode): Generator<Dirent> {
  const { nid, parentNid, record } = directory;
  const expected = new Map([
    ['.', nid],
    ['..', parentNid],
  ]);
  let previous = '';
  for (let block = 0; block < blocksFor(record.sizeBytes); block++) {
    const { names, nids, types } = decodeDirectoryBlock(readContent(image, directory, block), nid);
    for (const [index, name] of names.entries()) {
      const dirent = { name, nid: nids[index] ?? 0, type: types[index] ?? 0 };
      if (name <= previous) throw corruptImage(nid, `its entry ${JSON.stringify(name)} is out of order`);
      previous = name;
      if (expected.has(name)) {
        if (expected.get(name) !== dirent.nid) throw corruptImage(nid, `its ${name} is nid ${dirent.nid}`);
        expected.delete(name);
      } else yield dirent;
    }
  }
  if (expected.size > 0) throw corruptImage(nid, `it has no ${[...expected.keys()].join(' and ')}`);
}

/**
 * Throws `data_loss` where an entry is not what its inode is, or gives a directory a second name, which could make a walk
 * endless: `directories` has the nids of those that the parent has named so far, its own included, and gets this one.
 */
export function checkEntry(
  parent: LocatedInode,
  { name, nid, type }: Dirent,
  kind: InodeKind,
  directories: Set<number>,
): void {
  if (type !== direntTypeOf(kind))
    throw corruptImage(parent.nid, `its entry ${JSON.stringify(name)} is no ${kind}`);
  if (kind !== 'directory') return;
  if (directories.has(nid))
    throw corruptImage(parent.nid, `its entry ${JSON.stringify(name)} is a directory that has another name`);
  directories.add(nid);
}
