import { encodeContent, encodeInode } from './encode-inode.ts';
import { BLOCK_BYTES } from './geometry.ts';
import { layOutImage, placedInodes, type ImageLayout, type PlacedInode } from './image-layout.ts';
import { PieceBuffer } from './piece-buffer.ts';
import { encodeSuperblock, type Superblock } from './superblock.ts';
import type { DirectoryInode } from './inode.ts';

export interface EncodeOptions {
  /** The size of the blob, the extra device that holds all file data, in blocks of 4 KiB. */
  readonly blobBlocks: number;
  /** 16 bytes that name the file system. */
  readonly uuid: Uint8Array;
  /** Seconds since 1970 that the superblock tells; no inode depends on it. */
  readonly buildTime: number;
}

export interface EncodedImage {
  /** A multiple of 4,096. */
  readonly sizeBytes: number;
  readonly inodeCount: number;
  /** The image from its start, in pieces of 64 KiB to 512 KiB (the last may be shorter) that are the consumer's to keep. */
  pieces(): Iterable<Uint8Array>;
}

/**
 * Encodes a tree as an EROFS metadata image: everything that Linux ≥ 5.16 needs to mount it with `device=<blob>`, except the
 * bytes of files. Equal trees and options give equal bytes, whatever the order of the maps.
 *
 * A file is chunk-based: one chunk, on device 1, as large as the file. A flat file at the blob's place in the unified address
 * space would save 8 bytes, and kernels take it, but fsck.erofs and erofsfuse then read its data from the image instead of
 * the blob; an explicit device id is understood by all.
 *
 * The whole tree is checked first: `invalid_argument`, with the path in the message and in `details.path`, for what EROFS
 * or Linux cannot hold: names above 255 bytes, symlinks above 4,095, unknown or too large xattrs, files above 8 TiB or outside
 * the blob, directories with two names, and for an image and blob of more than 2^32 - 1 blocks together. Times before 1970
 * are stored as they are. The tree must not change until `pieces()` has ended. RangeError for impossible options.
 */
export function encodeImage(root: DirectoryInode, options: EncodeOptions): EncodedImage {
  const { blobBlocks, uuid, buildTime } = options;
  if (!Number.isInteger(blobBlocks) || blobBlocks < 0)
    throw new RangeError(`blobBlocks must be a natural number, not ${blobBlocks}`);
  if (uuid.byteLength !== 16) throw new RangeError(`uuid must have 16 bytes, not ${uuid.byteLength}`);
  if (!Number.isSafeInteger(buildTime))
    throw new RangeError(`buildTime must be an integer, not ${buildTime}`);
  const layout = layOutImage(root, blobBlocks);
  const superblock: Superblock = {
    imageBlocks: layout.imageBlocks,
    blobBlocks,
    inodeCount: layout.inodes.length,
    rootNid: layout.nids[0] ?? 0,
    uuid: Uint8Array.from(uuid),
    buildTime,
  };
  return {
    sizeBytes: layout.imageBlocks * BLOCK_BYTES,
    inodeCount: layout.inodes.length,
    pieces: () => encodePieces(layout, superblock),
  };
}

function* encodePieces(layout: ImageLayout, superblock: Superblock): Generator<Uint8Array> {
  const pieces = new PieceBuffer(layout.imageBlocks * BLOCK_BYTES, (first) =>
    encodeSuperblock(first, superblock),
  );
  const withBlocks: PlacedInode[] = [];
  for (const placed of placedInodes(layout)) {
    const { offset, shape } = placed;
    if (!pieces.hasRoom(offset, shape.recordBytes)) yield pieces.cut(offset);
    encodeInode(pieces.view, offset - pieces.start, placed);
    if (shape.dataBlocks > 0) withBlocks.push(placed);
  }
  for (const placed of withBlocks) {
    for (let block = 0; block < placed.shape.dataBlocks; block++) {
      const offset = (placed.firstBlock + block) * BLOCK_BYTES;
      if (!pieces.hasRoom(offset, BLOCK_BYTES)) yield pieces.cut(offset);
      encodeContent(pieces.view, offset - pieces.start, placed, block);
    }
  }
  yield pieces.cut(layout.imageBlocks * BLOCK_BYTES);
}
