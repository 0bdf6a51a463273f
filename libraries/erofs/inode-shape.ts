import { CHUNK_INDEX_BYTES } from './chunk-index.ts';
import type { DirectoryListing } from './directory.ts';
import { BLOCK_BYTES, INODE_BYTES, alignUp, blocksFor } from './geometry.ts';
import type { Inode } from './inode.ts';
import { DATA_LAYOUT, type DataLayout } from './inode-record.ts';
import { xattrAreaBytes } from './xattrs.ts';

/** What an inode takes up, wherever it is put. */
export interface InodeShape {
  readonly layout: DataLayout;
  readonly xattrBytes: number;
  readonly sizeBytes: number;
  /** The inode with everything that directly follows it: xattrs, and inline data or a chunk index. */
  readonly recordBytes: number;
  /** How many of its first bytes must lie in one block. */
  readonly unsplitBytes: number;
  /** Whole blocks of data in the image itself. */
  readonly dataBlocks: number;
}

/** `listing` is a directory's. */
export function shapeOf(inode: Inode, listing: DirectoryListing | undefined): InodeShape {
  const xattrBytes = xattrAreaBytes(inode.xattrs);
  if (listing !== undefined) return embed(xattrBytes, listing.sizeBytes);
  if (inode.kind === 'symlink') return embed(xattrBytes, inode.target.length);
  if (inode.kind === 'file' && inode.sizeBytes > 0) return chunk(xattrBytes, inode.sizeBytes);
  return plain(xattrBytes, 0);
}

/**
 * Data in the image: what fills no block goes behind the inode. Kernels want inline data within one block, and if the inode
 * is in that block too, a symlink needs no second read. If both do not fit into one, the rest gets a block of its own.
 */
function embed(xattrBytes: number, sizeBytes: number): InodeShape {
  const tailBytes = sizeBytes % BLOCK_BYTES;
  const recordBytes = INODE_BYTES + xattrBytes + tailBytes;
  if (tailBytes === 0 || recordBytes > BLOCK_BYTES) return plain(xattrBytes, sizeBytes);
  const dataBlocks = Math.floor(sizeBytes / BLOCK_BYTES);
  return {
    layout: DATA_LAYOUT.inline,
    xattrBytes,
    sizeBytes,
    recordBytes,
    unsplitBytes: recordBytes,
    dataBlocks,
  };
}

function plain(xattrBytes: number, sizeBytes: number): InodeShape {
  return {
    layout: DATA_LAYOUT.plain,
    xattrBytes,
    sizeBytes,
    recordBytes: INODE_BYTES + xattrBytes,
    unsplitBytes: INODE_BYTES,
    dataBlocks: blocksFor(sizeBytes),
  };
}

function chunk(xattrBytes: number, sizeBytes: number): InodeShape {
  return {
    layout: DATA_LAYOUT.chunks,
    xattrBytes,
    sizeBytes,
    recordBytes: alignUp(INODE_BYTES + xattrBytes, CHUNK_INDEX_BYTES) + CHUNK_INDEX_BYTES,
    unsplitBytes: INODE_BYTES,
    dataBlocks: 0,
  };
}
