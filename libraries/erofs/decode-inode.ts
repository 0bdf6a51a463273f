import { CHUNK_INDEX_BYTES, chunkFormatOf, decodeChunkIndex } from './chunk-index.ts';
import { corruptImage } from './corrupt-image.ts';
import { decodeDirectoryBlock, type Dirent } from './directory.ts';
import { BLOCK_BYTES, FIRST_INODE_OFFSET, INODE_BYTES, SLOT_BYTES, alignUp, blocksFor } from './geometry.ts';
import { inodeFault } from './inode-fault.ts';
import {
  DATA_LAYOUT,
  decodeDevice,
  decodeInodeRecord,
  direntTypeOf,
  type InodeRecord,
} from './inode-record.ts';
import type { Inode, InodeAttributes } from './inode.ts';
import { decodeXattrs } from './xattrs.ts';

export interface OpenImage {
  readonly blobBlocks: number;
  /** Inodes with several names that were met already, by nid. */
  readonly linked: Map<number, Inode>;
  /** Exactly these bytes; throws `data_loss` naming `object` if the image does not have them. */
  read(offset: number, length: number, object: string): Buffer;
}

/** An inode's record and what tells where it is. */
interface Located {
  readonly nid: number;
  readonly parentNid: number;
  readonly object: string;
  readonly record: InodeRecord;
  /** Behind inode and xattrs. */
  readonly tailAt: number;
}

/** Decodes the inode at `nid`, met in the directory at `parentNid`; the entries of a directory only when they are asked for. */
export function decodeInode(image: OpenImage, nid: number, parentNid: number): Inode {
  const known = image.linked.get(nid);
  if (known !== undefined) return known;
  const located = locateInode(image, nid, parentNid);
  const { object, record } = located;
  const xattrs = image.read(located.tailAt - record.xattrBytes, record.xattrBytes, object);
  const inode = withKind(image, located, {
    mode: record.mode,
    uid: record.uid,
    gid: record.gid,
    modified: record.modified,
    xattrs: decodeXattrs(xattrs, object),
  });
  const fault = inodeFault(inode, image.blobBlocks);
  if (fault !== undefined) throw corruptImage(object, fault);
  if (record.links > 1 && inode.kind !== 'directory') image.linked.set(nid, inode);
  return inode;
}

/** Every inode below the directory at `nid`, by its path: a directory before what is in it. */
export function* walkDirectory(
  image: OpenImage,
  nid: number,
  parentNid: number,
  path = '',
): Generator<readonly [path: string, inode: Inode]> {
  for (const [{ name, nid: child }, inode] of decodeEntries(image, locateInode(image, nid, parentNid))) {
    yield [path + name, inode];
    if (inode.kind === 'directory') yield* walkDirectory(image, child, nid, `${path}${name}/`);
  }
}

function locateInode(image: OpenImage, nid: number, parentNid: number): Located {
  const object = `the inode at nid ${nid}`;
  const offset = nid * SLOT_BYTES;
  if (offset < FIRST_INODE_OFFSET) throw corruptImage(object, 'it lies in the superblock');
  const record = decodeInodeRecord(image.read(offset, INODE_BYTES, object), object);
  return { nid, parentNid, object, record, tailAt: offset + INODE_BYTES + record.xattrBytes };
}

function withKind(image: OpenImage, located: Located, attributes: InodeAttributes): Inode {
  const { record } = located;
  const { kind, sizeBytes } = record;
  if (kind === 'directory')
    return {
      ...attributes,
      kind,
      get entries() {
        return new Map(decodeEntries(image, located).map(([{ name }, inode]) => [name, inode]));
      },
    };
  if (kind === 'symlink') return { ...attributes, kind, target: decodeTarget(image, located) };
  if (kind === 'file') return { ...attributes, kind, sizeBytes, blobBlock: decodeExtent(image, located) };
  checkEmpty(located);
  if (kind === 'fifo' || kind === 'socket') return { ...attributes, kind };
  return { ...attributes, kind, device: decodeDevice(record.location) };
}

function checkEmpty({ record, object }: Located): void {
  if (record.sizeBytes !== 0 || record.layout !== DATA_LAYOUT.plain)
    throw corruptImage(object, `it is a ${record.kind} with data`);
}

/** The first block on the blob; 0 for an empty file. */
function decodeExtent(image: OpenImage, located: Located): number {
  const { record, object, tailAt } = located;
  if (record.sizeBytes === 0) {
    checkEmpty(located);
    return 0;
  }
  if (record.layout !== DATA_LAYOUT.chunks || record.location !== chunkFormatOf(record.sizeBytes))
    throw corruptImage(object, 'it is not laid out as one chunk');
  return decodeChunkIndex(image.read(alignUp(tailAt, CHUNK_INDEX_BYTES), CHUNK_INDEX_BYTES, object), object);
}

function decodeTarget(image: OpenImage, located: Located): string {
  const { record, object } = located;
  if (record.sizeBytes === 0 || record.sizeBytes >= BLOCK_BYTES)
    throw corruptImage(object, `its target has ${record.sizeBytes} bytes`);
  return readContent(image, located, 0).toString('latin1');
}

/** Block number `block` of the data of a directory or symlink. */
function readContent(image: OpenImage, { record, object, tailAt }: Located, block: number): Buffer {
  const length = Math.min(BLOCK_BYTES, record.sizeBytes - block * BLOCK_BYTES);
  if (record.layout === DATA_LAYOUT.chunks) throw corruptImage(object, 'its data is on the blob');
  if (record.layout === DATA_LAYOUT.plain || length === BLOCK_BYTES)
    return image.read((record.location + block) * BLOCK_BYTES, length, object);
  if ((tailAt % BLOCK_BYTES) + length > BLOCK_BYTES)
    throw corruptImage(object, 'its inline data crosses a block border');
  return image.read(tailAt, length, object);
}

/** In the order of their names, without `.` and `..`. */
function* decodeEntries(
  image: OpenImage,
  located: Located,
): Generator<readonly [entry: Dirent, inode: Inode]> {
  const { nid, parentNid, object, record } = located;
  const expected = new Map([
    ['.', nid],
    ['..', parentNid],
  ]);
  const directories = new Set([nid]);
  let previous = '';
  for (let block = 0; block < blocksFor(record.sizeBytes); block++) {
    for (const dirent of decodeDirectoryBlock(readContent(image, located, block), object)) {
      const { name } = dirent;
      if (name <= previous) throw corruptImage(object, `its entry ${JSON.stringify(name)} is out of order`);
      previous = name;
      if (expected.has(name)) {
        if (expected.get(name) !== dirent.nid) throw corruptImage(object, `its ${name} is nid ${dirent.nid}`);
        expected.delete(name);
      } else yield [dirent, decodeEntry(image, located, dirent, directories)];
    }
  }
  if (expected.size > 0) throw corruptImage(object, `it has no ${[...expected.keys()].join(' and ')}`);
}

/** `directories` are those that the parent has named so far, itself included: a second name could make a walk endless. */
function decodeEntry(image: OpenImage, parent: Located, dirent: Dirent, directories: Set<number>): Inode {
  const inode = decodeInode(image, dirent.nid, parent.nid);
  if (dirent.type !== direntTypeOf(inode.kind))
    throw corruptImage(parent.object, `its entry ${JSON.stringify(dirent.name)} is no ${inode.kind}`);
  if (inode.kind !== 'directory') return inode;
  if (directories.has(dirent.nid))
    throw corruptImage(
      parent.object,
      `its entry ${JSON.stringify(dirent.name)} is a directory that has another name`,
    );
  directories.add(dirent.nid);
  return inode;
}
