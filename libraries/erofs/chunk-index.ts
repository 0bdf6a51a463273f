import { corruptImage } from './corrupt-image.ts';
import { BLOCK_BYTES, blocksFor } from './geometry.ts';

/*
 * Behind the inode of a file with data, aligned to 8, one index of one chunk as large as the file
 *
 *   offset size  meaning
 *        0    2  zero (high bits of the block)
 *        2    2  device id: 1, the blob
 *        4    4  first block on that device
 */
export const CHUNK_INDEX_BYTES = 8;
const BLOB_DEVICE_ID = 1;

/** In the inode's location: bits 0–4 log2 of the chunk's blocks, bit 5 for indexes of 8 bytes. */
const WITH_INDEXES = 0x20;

/** What one chunk can cover. */
export const MAX_FILE_BYTES = 2 ** 31 * BLOCK_BYTES;

/** The location field of a file of this size: its one chunk is the smallest power of two of blocks that holds it. */
export function chunkFormatOf(sizeBytes: number): number {
  const blocks = Math.max(1, blocksFor(sizeBytes));
  return WITH_INDEXES | (32 - Math.clz32(blocks - 1));
}

export function encodeChunkIndex(target: DataView, at: number, blobBlock: number): void {
  target.setUint16(at + 2, BLOB_DEVICE_ID, true);
  target.setUint32(at + 4, blobBlock, true);
}

/** The first block on the blob. */
export function decodeChunkIndex(bytes: Buffer, nid: number): number {
  if (bytes.readUInt16LE(0) !== 0 || bytes.readUInt16LE(2) !== BLOB_DEVICE_ID)
    throw corruptImage(nid, 'its data is not on the blob');
  return bytes.readUInt32LE(4);
}
