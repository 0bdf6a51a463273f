import { corruptImage } from './corrupt-image.ts';
import { decodeInode, walkDirectory, type OpenImage } from './decode-inode.ts';
import { BLOCK_BYTES } from './geometry.ts';
import type { DirectoryInode, Inode } from './inode.ts';
import { decodeSuperblock, type Superblock } from './superblock.ts';

/** Gives `length` bytes from `offset`, fewer only where the image ends. */
export type ReadRange = (offset: number, length: number) => Uint8Array;

/** An image's superblock and its tree. */
export interface DecodedImage extends Superblock {
  /**
   * Equal to the tree that was encoded, but lazy: `entries` of a directory are read from the image on every access, so that a
   * walk needs no more memory than the directories it is in. Two names of one inode give the same object.
   */
  readonly root: DirectoryInode;
  /**
   * Everything below the root, by paths that begin without a slash: a directory before what is in it. Holds a block of each
   * directory that it is in, however large those are.
   */
  readonly walk: () => Generator<readonly [path: string, inode: Inode]>;
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
  const open: OpenImage = {
    blobBlocks: superblock.blobBlocks,
    linked: new Map(),
    read(offset, length, object) {
      if (offset + length > sizeBytes)
        throw corruptImage(object, `it reaches beyond the image's ${sizeBytes} bytes`);
      return readWhole(read, offset, length);
    },
  };
  const root = decodeInode(open, superblock.rootNid, superblock.rootNid);
  if (root.kind !== 'directory') throw corruptImage('the root', `it is a ${root.kind}`);
  const { rootNid } = superblock;
  return { ...superblock, root, walk: () => walkDirectory(open, rootNid, rootNid) };
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
