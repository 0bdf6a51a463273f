import { corruptImage } from './corrupt-image.ts';
import { BLOCK_BYTES } from './geometry.ts';
import { inodeFault } from './inode-fault.ts';
import { decodeDevice } from './inode-record.ts';
import type { Inode, InodeAttributes } from './inode.ts';
import {
  checkEmpty,
  checkEntry,
  decodeDirents,
  decodeExtent,
  locateInode,
  readContent,
  type LocatedInode,
  type OpenImage,
} from './locate-inode.ts';
import { decodeXattrs } from './xattrs.ts';

/** An image whose inodes become a tree. */
export interface OpenTree extends OpenImage {
  /** Inodes with several names that were met already, by nid. */
  readonly linked: Map<number, Inode>;
}

/** Decodes the inode at `nid`, met in the directory at `parentNid`; the entries of a directory only when they are asked for. */
export function decodeInode(image: OpenTree, nid: number, parentNid: number): Inode {
  const known = image.linked.get(nid);
  if (known !== undefined) return known;
  const located = locateInode(image, nid, parentNid);
  const { record } = located;
  const xattrs = image.read(located.tailAt - record.xattrBytes, record.xattrBytes, nid);
  const inode = withKind(image, located, {
    mode: record.mode,
    uid: record.uid,
    gid: record.gid,
    modified: record.modified,
    xattrs: decodeXattrs(xattrs, nid),
  });
  const fault = inodeFault(inode, image.blobBlocks);
  if (fault !== undefined) throw corruptImage(nid, fault);
  if (record.links > 1 && inode.kind !== 'directory') image.linked.set(nid, inode);
  return inode;
}

function withKind(image: OpenTree, located: LocatedInode, attributes: InodeAttributes): Inode {
  const { record } = located;
  const { kind, sizeBytes } = record;
  if (kind === 'directory')
    return {
      ...attributes,
      kind,
      get entries() {
        return new Map(decodeEntries(image, located));
      },
    };
  if (kind === 'symlink') return { ...attributes, kind, target: decodeTarget(image, located) };
  if (kind === 'file') return { ...attributes, kind, sizeBytes, blobBlock: decodeExtent(image, located) };
  checkEmpty(located);
  if (kind === 'fifo' || kind === 'socket') return { ...attributes, kind };
  return { ...attributes, kind, device: decodeDevice(record.location) };
}

function decodeTarget(image: OpenTree, located: LocatedInode): string {
  const { record, nid } = located;
  if (record.sizeBytes === 0 || record.sizeBytes >= BLOCK_BYTES)
    throw corruptImage(nid, `its target has ${record.sizeBytes} bytes`);
  return readContent(image, located, 0).toString('latin1');
}

/** In the order of their names. */
function* decodeEntries(
  image: OpenTree,
  directory: LocatedInode,
): Generator<readonly [name: string, inode: Inode]> {
  const directories = new Set([directory.nid]);
  for (const dirent of decodeDirents(image, directory)) {
    const inode = decodeInode(image, dirent.nid, directory.nid);
    checkEntry(directory, dirent, inode.kind, directories);
    yield [dirent.name, inode];
  }
}
