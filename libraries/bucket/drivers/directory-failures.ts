import { stat } from 'node:fs/promises';
import { CodedError, wrapError } from '@lade/errors';
import { notFound } from '../failures.ts';

type Action = 'put' | 'read' | 'list' | 'delete';

/** What was attempted on a bucket in a folder. */
export interface Attempt {
  readonly folder: string;
  readonly location: string;
  readonly key: string;
  readonly action: Action;
}

/**
 * What is thrown for `reason`. Where the folder itself is missing, that is said, and not that an object is: an empty bucket and one
 * whose disk is not mounted are not the same.
 */
export async function directoryFailure(reason: unknown, attempt: Attempt): Promise<unknown> {
  if (reason instanceof CodedError) return reason;
  const { folder, location, key, action } = attempt;
  if (isMissing(reason) && !(await isFolder(folder))) return folderGone(attempt);
  if (action === 'read' && isMissing(reason)) return notFound(location, key);
  const attempted = `Cannot ${action} ${key} in ${location}`;
  if ((reason as NodeJS.ErrnoException).code === 'EEXIST')
    return new CodedError('failed_precondition', `${attempted}: one of its folders is an object`);
  return wrapError(reason, attempted, cureOf(reason));
}

export function folderGone({ location, key, action }: Attempt): CodedError {
  return new CodedError(
    'failed_precondition',
    `Cannot ${action} ${key} in ${location}: the folder of the bucket is gone`,
    { cure: 'Bring the folder back, or mount the disk that has it' },
  );
}

export async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() === true;
}

/** No file of that path; also where a folder of that path is, or a file in place of one of its folders. */
export function isMissing(reason: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((reason as NodeJS.ErrnoException).code ?? '');
}

function cureOf(reason: unknown): { cure?: string } {
  const { code } = reason as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return { cure: 'Free space on the disk of the bucket' };
  if (code === 'EROFS' || code === 'EACCES')
    return { cure: 'Make the folder of the bucket writable for the daemon' };
  if (code === 'ENAMETOOLONG') return { cure: 'Use keys whose segments are shorter than 254 bytes' };
  return {};
}
