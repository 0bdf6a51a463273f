import { MAX_FILE_BYTES } from './chunk-index.ts';
import { blocksFor } from './geometry.ts';
import type { DeviceInode, FileInode, Inode, SymlinkInode } from './inode.ts';
import { xattrsFault } from './xattrs.ts';

/** Of one name in a directory. */
const MAX_NAME_BYTES = 255;

/** Linux takes no path of 4,096 bytes with its terminator, so no link may hold one. */
const MAX_SYMLINK_BYTES = 4095;

const MAX_ID = 0xffff_fffe;
const NAME = /^[^\0/\u0100-\uffff]+$/;
const TARGET = /^[^\0\u0100-\uffff]+$/;

/** Why a directory cannot hold this name, or undefined if it can. */
export function nameFault(name: string): string | undefined {
  if (name.length > MAX_NAME_BYTES) return `its name has ${name.length} bytes, more than ${MAX_NAME_BYTES}`;
  if (name === '.' || name === '..' || !NAME.test(name))
    return 'its name is empty, a dot name, or has a slash, a zero or a character above 255';
  return undefined;
}

/** Why an image over a blob of `blobBlocks` cannot hold this inode, or undefined if it can. Entries are not looked at. */
export function inodeFault(inode: Inode, blobBlocks: number): string | undefined {
  const { modified } = inode;
  if (!isWithin(inode.mode, 0o7777)) return `its mode is ${inode.mode}, not 12 bits`;
  if (!isWithin(inode.uid, MAX_ID) || !isWithin(inode.gid, MAX_ID))
    return `its owner is ${inode.uid}:${inode.gid}, not 0–${MAX_ID}`;
  if (!Number.isSafeInteger(modified.seconds) || !isWithin(modified.nanoseconds, 999_999_999))
    return `its time is ${modified.seconds} s ${modified.nanoseconds} ns`;
  return kindFault(inode, blobBlocks) ?? (inode.xattrs.size > 0 ? xattrsFault(inode.xattrs) : undefined);
}

function kindFault(inode: Inode, blobBlocks: number): string | undefined {
  if (inode.kind === 'file') return fileFault(inode, blobBlocks);
  if (inode.kind === 'symlink') return symlinkFault(inode);
  return 'device' in inode ? deviceFault(inode) : undefined;
}

/** Why a file cannot be there on a blob of `blobBlocks`, or undefined if it can. */
export function fileFault(
  { sizeBytes, blobBlock }: Pick<FileInode, 'sizeBytes' | 'blobBlock'>,
  blobBlocks: number,
): string | undefined {
  if (!isWithin(sizeBytes, MAX_FILE_BYTES)) return `its size is ${sizeBytes}, not 0–${MAX_FILE_BYTES}`;
  if (sizeBytes === 0) return undefined;
  return isWithin(blobBlock, blobBlocks) && blobBlock + blocksFor(sizeBytes) <= blobBlocks
    ? undefined
    : `its ${sizeBytes} bytes from block ${blobBlock} are not within the ${blobBlocks} blocks of the blob`;
}

function symlinkFault({ target }: SymlinkInode): string | undefined {
  if (target.length > MAX_SYMLINK_BYTES)
    return `its target has ${target.length} bytes, more than ${MAX_SYMLINK_BYTES}`;
  return TARGET.test(target) ? undefined : 'its target is empty or has a zero or a character above 255';
}

function deviceFault({ device }: DeviceInode): string | undefined {
  return isWithin(device.major, 0xfff) && isWithin(device.minor, 0xf_ffff)
    ? undefined
    : `its device number is ${device.major}:${device.minor}, not 12 and 20 bits`;
}

function isWithin(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
