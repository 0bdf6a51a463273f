import { getSystemErrorMap } from 'node:util';
import { CodedError, codeFromErrno, type ErrorCode } from '@lade/errors';

/** Those that Node has no name for, with what they mean to a caller (asm-generic/errno.h). */
const MORE_ERRNOS: Readonly<Record<number, readonly [name: string, text: string]>> = {
  15: ['ENOTBLK', 'block device required'],
  40: ['ELOOP', 'too many symbolic links encountered'],
  61: ['ENODATA', 'no data available'],
  117: ['EUCLEAN', 'the file system is damaged'],
};

/** Classes of errnos that only kernel interfaces give; all others as everywhere else. */
const MORE_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOTBLK: 'invalid_argument',
  ELOOP: 'invalid_argument',
  ENODATA: 'not_found',
  EUCLEAN: 'data_loss',
  EXDEV: 'unimplemented',
};

/** "<attempted>: EBUSY (resource busy or locked)", with the errno's name also in `details.errno`. */
export function systemError(errno: number, attempted: string, cure?: string): CodedError {
  const [name, text] = MORE_ERRNOS[errno] ?? getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'no name'];
  return new CodedError(MORE_CODES[name] ?? codeFromErrno(name), `${attempted}: ${name} (${text})`, {
    ...(cure === undefined ? {} : { cure }),
    details: { errno: name },
  });
}
