import { isCodedError } from '@lade/errors';
import { callLater, callNow, declare } from './libc.ts';

const copyFileRangeCall = declare(
  'int64_t copy_file_range(int, _Inout_ uint8_t *, int, _Inout_ uint8_t *, size_t, unsigned int)',
);
const fallocate = declare('int fallocate(int, int, int64_t, int64_t)');
const lseek = declare('int64_t lseek(int, int64_t, int)');
const syncfs = declare('int syncfs(int)');

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** A place in an open file: descriptor and byte offset. The caller keeps the descriptor open while a call is under way. */
export interface FilePosition {
  readonly fd: number;
  readonly offset: number;
}

/**
 * copy_file_range(2), repeated until `length` bytes are copied or `source` ends; returns how many. The kernel shares blocks
 * where it can. Throws `unimplemented` where the two file systems do not support it: read and write instead.
 */
export async function copyFileRange(
  source: FilePosition,
  target: FilePosition,
  length: number,
): Promise<number> {
  const attempted = `Cannot copy ${length} bytes from descriptor ${source.fd} to ${target.fd}`;
  const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)];
  let copied = 0;
  while (copied < length) {
    from.writeBigInt64LE(BigInt(source.offset + copied));
    to.writeBigInt64LE(BigInt(target.offset + copied));
    const args = [source.fd, from, target.fd, to, length - copied, 0] as const;
    const count = await callLater(copyFileRangeCall, attempted, ...args);
    if (count === 0) break;
    copied += count;
  }
  return copied;
}

/** fallocate(2): the bytes read as zero from now on and take no room; the size of the file stays. */
export async function punchHole(fd: number, offset: number, length: number): Promise<void> {
  const attempted = `Cannot punch a hole of ${length} bytes at ${offset} into descriptor ${fd}`;
  await callLater(fallocate, attempted, fd, PUNCH_HOLE | KEEP_SIZE, offset, length);
}

/** fallocate(2): reserves room, and makes the file at least `offset + length` long. Throws `resource_exhausted` on a full disk. */
export async function allocate(fd: number, offset: number, length: number): Promise<void> {
  const attempted = `Cannot reserve ${length} bytes at ${offset} in descriptor ${fd}`;
  await callLater(fallocate, attempted, fd, 0, offset, length);
}

/** Where data starts at or after `offset`; undefined where only a hole, or nothing, is left. Moves the descriptor's position. */
export function seekData(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_DATA);
}

/** Where a hole starts at or after `offset`, the end of the file being one; undefined from the end on. Moves the position. */
export function seekHole(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_HOLE);
}

/** syncfs(2): everything that was written to the file system of `fd` is on disk afterwards. */
export async function syncFileSystem(fd: number): Promise<void> {
  await callLater(syncfs, `Cannot sync the file system of descriptor ${fd}`, fd);
}

function seek(fd: number, offset: number, whence: number): number | undefined {
  try {
    return callNow(lseek, () => `Cannot seek to ${offset} in descriptor ${fd}`, fd, offset, whence);
  } catch (reason) {
    if (isCodedError(reason) && reason.details['errno'] === 'ENXIO') return undefined;
    throw reason;
  }
}
