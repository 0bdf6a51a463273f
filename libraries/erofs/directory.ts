import { corruptImage } from './corrupt-image.ts';
import { BLOCK_BYTES } from './geometry.ts';
import { nameFault } from './inode-fault.ts';
import { writeByteString } from './write-byte-string.ts';

/**
 * A directory's data, `.` and `..` included: names ascending by byte, nid and file type code of each, and which entry opens
 * each block. Blocks are filled in order, an entry never spans two, and the last one is only as long as its entries.
 */
export interface DirectoryListing {
  readonly names: readonly string[];
  readonly nids: readonly number[];
  readonly types: readonly number[];
  readonly blockStarts: readonly number[];
  readonly sizeBytes: number;
}

/** The entries of one block, decoded. */
export type DirectoryBlock = Pick<DirectoryListing, 'names' | 'nids' | 'types'>;

/*
 * A block holds its entries and behind them their names without terminators, in the same order
 *
 *   offset size  meaning
 *        0    8  nid
 *        8    2  offset of the name in the block; the first one tells the number of entries
 *       10    1  file type
 *       11    1  zero
 */
const DIRENT_BYTES = 12;

/** Cuts sorted names into blocks. */
export function packNames(names: readonly string[]): { blockStarts: number[]; sizeBytes: number } {
  const blockStarts = [0];
  let used = 0;
  for (const [index, name] of names.entries()) {
    const bytes = DIRENT_BYTES + name.length;
    if (used + bytes > BLOCK_BYTES) {
      blockStarts.push(index);
      used = 0;
    }
    used += bytes;
  }
  return { blockStarts, sizeBytes: (blockStarts.length - 1) * BLOCK_BYTES + used };
}

/** Writes block number `block` of the listing into zeroed bytes. */
export function encodeDirectoryBlock(
  target: DataView,
  at: number,
  listing: DirectoryListing,
  block: number,
): void {
  const first = listing.blockStarts[block] ?? 0;
  const end = listing.blockStarts[block + 1] ?? listing.names.length;
  let direntAt = at;
  let nameAt = at + (end - first) * DIRENT_BYTES;
  for (let index = first; index < end; index++) {
    const name = listing.names[index] ?? '';
    const nid = listing.nids[index] ?? 0;
    target.setUint32(direntAt, nid >>> 0, true);
    target.setUint32(direntAt + 4, Math.floor(nid / 2 ** 32), true);
    target.setUint16(direntAt + 8, nameAt - at, true);
    target.setUint8(direntAt + 10, listing.types[index] ?? 0);
    writeByteString(target, nameAt, name);
    direntAt += DIRENT_BYTES;
    nameAt += name.length;
  }
}

/**
 * Reads one block (or the shorter last one) of a directory; throws `data_loss` if its structure or a name is impossible. No
 * object an entry: of the hundred of a block V8 may conclude that they live long, and then keeps those of all blocks for minutes.
 */
export function decodeDirectoryBlock(block: Buffer, nid: number): DirectoryBlock {
  const namesAt = block.length < DIRENT_BYTES ? 0 : block.readUInt16LE(8);
  if (namesAt === 0 || namesAt % DIRENT_BYTES !== 0 || namesAt > block.length)
    throw corruptImage(nid, 'a block does not begin with an entry');
  const names: string[] = [];
  const [nids, types]: [number[], number[]] = [[], []];
  let nameAt = namesAt;
  for (let at = 0; at < namesAt; at += DIRENT_BYTES) {
    const end = at + DIRENT_BYTES < namesAt ? block.readUInt16LE(at + DIRENT_BYTES + 8) : lastNameEnd(block);
    if (block.readUInt16LE(at + 8) !== nameAt || end > block.length)
      throw corruptImage(nid, 'its names do not follow each other');
    const name = block.toString('latin1', nameAt, end);
    if (name !== '.' && name !== '..' && nameFault(name) !== undefined)
      throw corruptImage(nid, `it has the impossible name ${JSON.stringify(name)}`);
    if (block.readUInt8(at + 11) !== 0) throw corruptImage(nid, 'its reserved bytes are not zero');
    names.push(name);
    nids.push(block.readUInt32LE(at) + block.readUInt32LE(at + 4) * 2 ** 32);
    types.push(block.readUInt8(at + 10));
    nameAt = end;
  }
  return { names, nids, types };
}

function lastNameEnd(block: Buffer): number {
  let end = block.length;
  while (end > 0 && block[end - 1] === 0) end--;
  return end;
}
