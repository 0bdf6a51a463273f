/**
 * The tree that an image holds. Names, symlink targets and xattr names are byte strings: one UTF-16 unit (0–255) per byte,
 * as `Buffer.toString('latin1')` makes them, so that every name survives and sorting by unit is sorting by byte.
 */
export type Inode = DirectoryInode | FileInode | SymlinkInode | DeviceInode | FifoInode | SocketInode;

export interface InodeAttributes {
  /** Permissions with set-uid, set-gid and sticky: the low 12 bits of st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: Timestamp;
  /** By full name, such as `security.capability`; see `isXattrSupported()` for the names that an image can hold. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

export interface Timestamp {
  /** Since 1970; negative before. */
  readonly seconds: number;
  /** 0–999,999,999, counted forward from `seconds` also when those are negative. */
  readonly nanoseconds: number;
}

/** `entries` holds neither `.` nor `..`. One inode object under several names is a hard link; a directory has one name only. */
export interface DirectoryInode extends InodeAttributes {
  readonly kind: 'directory';
  readonly entries: ReadonlyMap<string, Inode>;
}

/** Its bytes are the `sizeBytes` from block `blobBlock` (4 KiB each) of the blob; an empty file has no block. */
export interface FileInode extends InodeAttributes {
  readonly kind: 'file';
  readonly sizeBytes: number;
  readonly blobBlock: number;
}

export interface SymlinkInode extends InodeAttributes {
  readonly kind: 'symlink';
  readonly target: string;
}

/** The character device 0:0 is an overlay whiteout. */
export interface DeviceInode extends InodeAttributes {
  readonly kind: 'character-device' | 'block-device';
  readonly device: DeviceNumber;
}

export interface DeviceNumber {
  /** 12 bits. */
  readonly major: number;
  /** 20 bits. */
  readonly minor: number;
}

export interface FifoInode extends InodeAttributes {
  readonly kind: 'fifo';
}

export interface SocketInode extends InodeAttributes {
  readonly kind: 'socket';
}
