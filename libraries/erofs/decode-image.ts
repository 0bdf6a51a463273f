import { corruptImage } from './corrupt-image.ts';
import { decodeInode, type OpenTree } from './decode-inode.ts';
import { BLOCK_BYTES } from './geometry.ts';
import type { DirectoryInode } from './inode.ts';
import { decodeSuperblock, type Superblock } from './superblock.ts';
import { walkImage, type WalkedEntry } from './walk-image.ts';

/** Gives `length` bytes from `offset`, fewer only where the image ends. They need not stay what they are after the next call. */
export type ReadRange = (offset: number, length: number) => Uint8Array;

/** An image's superblock and its tree. */
export interface DecodedImage extends Superblock {
  /**
   * Equal to the tree that was encoded, but lazy: `entries` of a directory are read from the image on every access, so that a
   * walk needs no more memory than the directories it is in. Two names of one inode give the same object.
   */
  readonly root: DirectoryInode;
  /**
   * Every name below the root, a directory before what is in it, without attributes, xattrs and targets. Holds a block of each
   * directory that it is in, however large those are.
   */
  readonly walk: () => Generator<WalkedEntry>;
}

/**
 * Opens an image that `encodeImage()` made, to verify it or walk it; other EROFS images are refused. Whatever the bytes are,
 * a walk ends, asks `read` for nothing outside the image, and throws `data_loss` here or in `entries` for what cannot be.
 */
export function decodeImage(image: Uint8Array | ReadRange): DecodedImage {
  const read = typeof image === 'function' ? image : readFrom(image);
  const firstBlock = readWhole(read, 0, BLOCK_BYTES);
  const superblock = decodeSuperblock(firstBlock);
  const sizeBytes = superblock.imageBlocks * BLOCK_BYTES;
  const open: OpenTree = {
    blobBlocks: superblock.blobBlocks,
    linked: new Map(),
    read(offset, length, nid) {
      if (offset + length > sizeBytes)
        throw corruptImage(nid, `it reaches beyond the image's ${sizeBytes} bytes`);
      return readWhole(read, offset, length);
    },
  };
  const root = decodeInode(open, superblock.rootNid, superblock.rootNid);
  if (root.kind !== 'directory') throw corruptImage('the root', `it is a ${root.kind}`);
  return { ...superblock, root, walk: () => walkImage(open, superblock.rootNid) };
}

function readFrom(bytes: Uint8Array): ReadRange {
  return (offset, length) => bytes.subarray(offset, offset + length);
}

function readWhole(read: ReadRange, offset: number, length: number): Buffer {
  const bytes = read(offset, length);
  if (bytes.byteLength !== length)
    throw corruptImage('an EROFS image', `it ends within bytes ${offset}–${offset + length}`);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, length);
}
