import { CodedError, isCodedError } from '@lade/errors';
import { callLater, cString, declare } from './libc.ts';

const statx = declare('int statx(int, const uint8_t *, int, unsigned int, _Out_ uint8_t *)');
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
/** What the kernel knows by itself is enough: a file system over FUSE or a network may not answer. */
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;

/** struct statx (statx(2)): 256 bytes, of which at 8 attributes (u64) and at 56 the mask of those supported (u64). */
const STATX_BYTES = 256;

/**
 * Whether something is mounted exactly at `path`; one call, no race with others that mount, and no wait for a file system
 * that does not answer. False where nothing exists;
 * `unimplemented` below Linux 5.8.
 */
export async function isMountPoint(path: string): Promise<boolean> {
  const result = Buffer.alloc(STATX_BYTES);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  try {
    await callLater(statx, `Cannot look at ${path}`, AT_FDCWD, cString(path), flags, 0, result);
  } catch (reason) {
    if (isCodedError(reason, 'not_found') || isErrno(reason, 'ENOTDIR')) return false;
    throw reason;
  }
  if ((result.readBigUInt64LE(56) & STATX_ATTR_MOUNT_ROOT) === 0n)
    throw new CodedError('unimplemented', `Cannot look at ${path}: this kernel does not tell mount points`, {
      cure: 'Use Linux 5.8 or later',
    });
  return (result.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n;
}

function isErrno(reason: unknown, name: string): boolean {
  return isCodedError(reason) && reason.details['errno'] === name;
}
