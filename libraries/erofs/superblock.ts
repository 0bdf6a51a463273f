import { corruptImage } from './corrupt-image.ts';
import { crc32c } from './crc32c.ts';
import { BLOCK_BYTES, MAX_BLOCKS } from './geometry.ts';

/** What is particular to one image; everything else in its first block is the same in all of ours. */
export interface Superblock {
  readonly imageBlocks: number;
  readonly blobBlocks: number;
  readonly inodeCount: number;
  readonly rootNid: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Seconds since 1970. */
  readonly buildTime: number;
}

/*
 * Superblock, at byte 1024; little endian; what is not listed is zero
 *
 *   offset size  meaning
 *        0    4  magic
 *        4    4  CRC-32C of bytes 1024–4095, taken with this field zero
 *        8    4  compatible features: checksum, modification times
 *       12    1  log2 of the block size
 *       14    2  nid of the root directory
 *       16    8  number of inodes
 *       24    8  build time, seconds
 *       36    4  blocks of this image
 *       48   16  uuid
 *       80    4  incompatible features: chunk-based files, device table
 *       86    2  number of extra devices: 1
 *       88    2  device slot, in units of 128 bytes: 9
 *
 * Device slot, at byte 1152
 *
 *        0   64  tag: the uuid in hex
 *       64    4  blocks of the blob
 *       68    4  where the blob begins if it is appended to the image: the blocks of this image
 */
const SUPERBLOCK = 1024;
const DEVICE_SLOT = 1152;
const DEVICE_SLOT_INDEX = DEVICE_SLOT / 128;
const MAGIC = 0xe0f5_e1e2;
const COMPATIBLE_FEATURES = 0x1 | 0x2;
const INCOMPATIBLE_FEATURES = 0x4 | 0x8;
const BLOCK_BITS = 12;

/** Writes both structures into the image's first block and seals it; inodes in that block must be there already. */
export function encodeSuperblock(block: Buffer, superblock: Superblock): void {
  const uuid = Buffer.from(superblock.uuid);
  block.writeUInt32LE(MAGIC, SUPERBLOCK);
  block.writeUInt32LE(COMPATIBLE_FEATURES, SUPERBLOCK + 8);
  block.writeUInt8(BLOCK_BITS, SUPERBLOCK + 12);
  block.writeUInt16LE(superblock.rootNid, SUPERBLOCK + 14);
  block.writeBigUInt64LE(BigInt(superblock.inodeCount), SUPERBLOCK + 16);
  block.writeBigInt64LE(BigInt(superblock.buildTime), SUPERBLOCK + 24);
  block.writeUInt32LE(superblock.imageBlocks, SUPERBLOCK + 36);
  uuid.copy(block, SUPERBLOCK + 48);
  block.writeUInt32LE(INCOMPATIBLE_FEATURES, SUPERBLOCK + 80);
  block.writeUInt16LE(1, SUPERBLOCK + 86);
  block.writeUInt16LE(DEVICE_SLOT_INDEX, SUPERBLOCK + 88);
  block.write(uuid.toString('hex'), DEVICE_SLOT, 'latin1');
  block.writeUInt32LE(superblock.blobBlocks, DEVICE_SLOT + 64);
  block.writeUInt32LE(superblock.imageBlocks, DEVICE_SLOT + 68);
  block.writeUInt32LE(checksumOf(block), SUPERBLOCK + 4);
}

/** Reads an image's first block; throws `data_loss` if it is damaged or not one that `encodeSuperblock()` wrote. */
export function decodeSuperblock(block: Buffer): Superblock {
  expect('magic', block.readUInt32LE(SUPERBLOCK), MAGIC);
  expect('checksum', checksumOf(block), block.readUInt32LE(SUPERBLOCK + 4));
  expect('compatible features', block.readUInt32LE(SUPERBLOCK + 8), COMPATIBLE_FEATURES);
  expect('incompatible features', block.readUInt32LE(SUPERBLOCK + 80), INCOMPATIBLE_FEATURES);
  expect('block size bits', block.readUInt8(SUPERBLOCK + 12), BLOCK_BITS);
  expect('metadata start', block.readUInt32LE(SUPERBLOCK + 40), 0);
  expect('number of devices', block.readUInt16LE(SUPERBLOCK + 86), 1);
  expect('device slot', block.readUInt16LE(SUPERBLOCK + 88), DEVICE_SLOT_INDEX);
  const imageBlocks = block.readUInt32LE(SUPERBLOCK + 36);
  const blobBlocks = block.readUInt32LE(DEVICE_SLOT + 64);
  expect('start of the blob', block.readUInt32LE(DEVICE_SLOT + 68), imageBlocks);
  if (imageBlocks < 1 || imageBlocks + blobBlocks > MAX_BLOCKS)
    throw corruptImage('the superblock', `it counts ${imageBlocks} blocks and ${blobBlocks} of the blob`);
  return {
    imageBlocks,
    blobBlocks,
    inodeCount: safeNumber('number of inodes', block.readBigUInt64LE(SUPERBLOCK + 16)),
    rootNid: block.readUInt16LE(SUPERBLOCK + 14),
    uuid: Uint8Array.from(block.subarray(SUPERBLOCK + 48, SUPERBLOCK + 64)),
    buildTime: safeNumber('build time', block.readBigInt64LE(SUPERBLOCK + 24)),
  };
}

function checksumOf(block: Buffer): number {
  const sealed = Buffer.from(block.subarray(SUPERBLOCK, BLOCK_BYTES));
  sealed.writeUInt32LE(0, 4);
  return crc32c(sealed);
}

function expect(field: string, found: number, wanted: number): void {
  if (found !== wanted)
    throw corruptImage(
      'the superblock',
      `its ${field} is 0x${found.toString(16)}, not 0x${wanted.toString(16)}`,
    );
}

function safeNumber(field: string, value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw corruptImage('the superblock', `its ${field} is ${value}`);
  return number;
}
