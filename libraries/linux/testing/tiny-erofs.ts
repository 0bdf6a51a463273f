/**
 * The smallest EROFS image there is, for tests of mounting: one block, an empty root folder.
 *
 * | offset | size | meaning                                             |
 * | ------ | ---- | --------------------------------------------------- |
 * | 1024   | 128  | superblock: magic, log2 of the block size at 12,    |
 * |        |      | root inode number at 14, blocks at 36, meta block at 40 |
 * | 1152   | 32   | compact inode 36: format, mode, links, size, block  |
 * | 1184   | 27   | its data inline: entries "." and ".."               |
 */
export function tinyErofs(): Buffer {
  const image = Buffer.alloc(4096);
  const inode = 1152;
  const root = inode / 32;
  image.writeUInt32LE(0xe0f5e1e2, 1024);
  image.writeUInt8(12, 1024 + 12);
  image.writeUInt16LE(root, 1024 + 14);
  image.writeUInt32LE(1, 1024 + 36);
  image.writeUInt16LE(2 << 1, inode); // compact, data inline
  image.writeUInt16LE(0o040755, inode + 4);
  image.writeUInt16LE(2, inode + 6);
  image.writeUInt32LE(27, inode + 8);
  writeEntry(image, inode + 32, root, 24);
  writeEntry(image, inode + 44, root, 25);
  image.write('...', inode + 32 + 24, 'latin1');
  return image;
}

/** A directory entry: inode number (u64), offset of its name (u16), file type (u8, 2 = folder), reserved (u8). */
function writeEntry(image: Buffer, at: number, inode: number, nameOffset: number): void {
  image.writeBigUInt64LE(BigInt(inode), at);
  image.writeUInt16LE(nameOffset, at + 8);
  image.writeUInt8(2, at + 10);
}
