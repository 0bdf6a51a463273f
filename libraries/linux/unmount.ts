import { CodedError, isCodedError } from '@lade/errors';
import { callLater, cString, declare } from './libc.ts';

const umount2 = declare('int umount2(const uint8_t *, int)');
const MNT_DETACH = 2;

/**
 * umount2(2). `detach` takes the mount out of the tree at once and lets it end when its last user is gone. Throws
 * `not_found` when nothing is mounted there, `failed_precondition` when it is in use.
 */
export async function unmount(target: string, options: { readonly detach?: boolean } = {}): Promise<void> {
  const attempted = `Cannot unmount ${target}`;
  try {
    await callLater(umount2, attempted, cString(target), options.detach ? MNT_DETACH : 0);
  } catch (reason) {
    if (isCodedError(reason) && reason.details['errno'] === 'EINVAL')
      throw new CodedError('not_found', `${attempted}: nothing is mounted there`, {
        details: { errno: 'EINVAL' },
        cause: reason,
      });
    throw reason;
  }
}
