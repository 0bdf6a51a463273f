import { CHUNK_INDEX_BYTES, chunkFormatOf, encodeChunkIndex } from './chunk-index.ts';
import { encodeDirectoryBlock } from './directory.ts';
import { INODE_BYTES, alignUp } from './geometry.ts';
import type { PlacedInode } from './image-layout.ts';
import { DATA_LAYOUT, encodeDevice, encodeInodeRecord } from './inode-record.ts';
import { writeByteString } from './write-byte-string.ts';
import { encodeXattrs } from './xattrs.ts';

/** Writes an inode and everything that directly follows it, `recordBytes` in all, into zeroed bytes. */
export function encodeInode(target: DataView, at: number, placed: PlacedInode): void {
  const { inode, shape } = placed;
  encodeInodeRecord(target, at, {
    layout: shape.layout,
    xattrBytes: shape.xattrBytes,
    kind: inode.kind,
    mode: inode.mode,
    sizeBytes: shape.sizeBytes,
    location: locationOf(placed),
    ino: placed.ino,
    uid: inode.uid,
    gid: inode.gid,
    modified: inode.modified,
    links: placed.links,
  });
  if (shape.xattrBytes > 0) encodeXattrs(target, at + INODE_BYTES, inode.xattrs);
  const tailAt = at + INODE_BYTES + shape.xattrBytes;
  if (shape.layout === DATA_LAYOUT.inline) encodeContent(target, tailAt, placed, shape.dataBlocks);
  else if (inode.kind === 'file' && shape.layout === DATA_LAYOUT.chunks)
    encodeChunkIndex(target, alignUp(tailAt, CHUNK_INDEX_BYTES), inode.blobBlock);
}

/** Writes block number `block` of a directory's or symlink's data; the last one may be short. */
export function encodeContent(target: DataView, at: number, placed: PlacedInode, block: number): void {
  const { inode, listing } = placed;
  if (listing !== undefined) encodeDirectoryBlock(target, at, listing, block);
  else if (inode.kind === 'symlink') writeByteString(target, at, inode.target);
}

function locationOf({ inode, shape, firstBlock }: PlacedInode): number {
  if (shape.layout === DATA_LAYOUT.chunks) return chunkFormatOf(shape.sizeBytes);
  if (shape.dataBlocks > 0) return firstBlock;
  return inode.kind === 'character-device' || inode.kind === 'block-device' ? encodeDevice(inode.device) : 0;
}
