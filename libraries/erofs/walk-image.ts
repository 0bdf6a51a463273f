import { corruptImage } from './corrupt-image.ts';
import { fileFault } from './inode-fault.ts';
import type { InodeKind } from './inode-record.ts';
import {
  checkEntry,
  decodeDirents,
  decodeExtent,
  locateInode,
  type Dirent,
  type LocatedInode,
  type OpenImage,
} from './locate-inode.ts';

/** A name in an image, and of what it names no more than a list of files needs. */
export interface WalkedEntry {
  /** Byte string, without a slash before it. */
  readonly path: string;
  readonly kind: InodeKind;
  /** Of a file, else 0. */
  readonly sizeBytes: number;
  /** The first block on the blob of a file that is not empty, else 0. */
  readonly blobBlock: number;
}

interface OpenDirectory {
  readonly inode: LocatedInode;
  /** With a slash behind it, empty for the root. */
  readonly path: string;
  readonly dirents: Iterator<Dirent, void>;
  /** Nids of the directories that it has named so far, its own included. */
  readonly named: Set<number>;
}

/**
 * Every name below the root, a directory before what is in it. Attributes, xattrs and targets are not looked at: this is for
 * lists of files, of which there may be very many.
 */
export function* walkImage(image: OpenImage, rootNid: number): Generator<WalkedEntry> {
  const open = [openDirectory(image, locateInode(image, rootNid, rootNid), '')];
  for (let parent = open.at(-1); parent !== undefined; parent = open.at(-1)) {
    const { value: dirent } = parent.dirents.next();
    if (dirent === undefined) {
      open.pop();
      continue;
    }
    const inode = locateInode(image, dirent.nid, parent.inode.nid);
    const { kind, sizeBytes } = inode.record;
    checkEntry(parent.inode, dirent, kind, parent.named);
    const path = parent.path + dirent.name;
    if (kind === 'file') yield { path, kind, sizeBytes, blobBlock: checkedExtent(image, inode) };
    else yield { path, kind, sizeBytes: 0, blobBlock: 0 };
    if (kind === 'directory') open.push(openDirectory(image, inode, `${path}/`));
  }
}

function openDirectory(image: OpenImage, inode: LocatedInode, path: string): OpenDirectory {
  return { inode, path, dirents: decodeDirents(image, inode), named: new Set([inode.nid]) };
}

function checkedExtent(image: OpenImage, inode: LocatedInode): number {
  const { sizeBytes } = inode.record;
  const blobBlock = decodeExtent(image, inode);
  const fault = fileFault({ sizeBytes, blobBlock }, image.blobBlocks);
  if (fault !== undefined) throw corruptImage(inode.nid, fault);
  return blobBlock;
}
