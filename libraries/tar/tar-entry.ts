export type TarEntryKind =
  | 'file'
  | 'hard-link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo';

/** A run of real data inside a sparse file; what lies between runs reads as zeros. */
export interface SparseRegion {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/**
 * One member of an archive, with all extension records applied. Paths and xattr names are byte strings: one char
 * (0–255) per byte, exactly as the archive has them, neither cleaned nor checked for `..`.
 */
export interface TarEntry {
  readonly path: string;
  readonly kind: TarEntryKind;
  /** Target of a hard link or symlink, else whatever the header holds. */
  readonly linkPath: string;
  /** Permission bits, set-id and sticky: the low 12 bits. */
  readonly mode: number;
  /** As stated; GNU archives can state negative ids. */
  readonly uid: number;
  readonly gid: number;
  /** Size of the file once unpacked, sparse regions expanded; 0 for all but files. */
  readonly sizeBytes: number;
  /** Bytes of file data in the archive. */
  readonly storedBytes: number;
  /** Since the epoch; `seconds` may be negative, `nanoseconds` (0–999,999,999) always count forward. */
  readonly modified: { readonly seconds: number; readonly nanoseconds: number };
  /** 0:0 for all but devices. */
  readonly device: { readonly major: number; readonly minor: number };
  /** By full name such as `security.capability`. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Where the stored bytes of a sparse file belong: ascending, not empty, `storedBytes` in sum; absent for others. */
  readonly sparse: readonly SparseRegion[] | undefined;
}
