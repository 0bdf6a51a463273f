export const BLOCK_BYTES = 4096;

/** The unit in which a nid counts: an inode lies at byte `nid * SLOT_BYTES` of the image. */
export const SLOT_BYTES = 32;

/** An extended inode without xattrs and inline data. */
export const INODE_BYTES = 64;

/** Behind 1 KiB left free, the superblock (128 bytes) and one device slot (128 bytes). */
export const FIRST_INODE_OFFSET = 1280;

/** Block addresses have 32 bits, and all ones means "no block". */
export const MAX_BLOCKS = 0xffff_ffff;

export function blocksFor(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES);
}

/** The next multiple of `unit`, a power of two below 2^31, at or above `value`; `value` may exceed 32 bits. */
export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
