import { CodedError } from '@lade/errors';

export function notFound(location: string, key: string): CodedError {
  return new CodedError('not_found', `Cannot find ${key} in ${location}`);
}

export function alreadyExists(location: string, key: string): CodedError {
  return new CodedError('already_exists', `Cannot put ${key} into ${location}: it exists already`);
}

export function versionChanged(location: string, key: string): CodedError {
  return new CodedError(
    'failed_precondition',
    `Cannot put ${key} into ${location}: it is no longer the expected version`,
  );
}

/** Throws `out_of_range` for an offset that the object does not reach; returns the end of the range. */
export function rangeEnd(
  range: { readonly offset?: number; readonly length?: number },
  sizeBytes: number,
  name: string,
): number {
  const { offset = 0, length = Infinity } = range;
  if (offset > 0 && offset >= sizeBytes) {
    throw new CodedError('out_of_range', `Cannot read ${name} from byte ${offset}: it has ${sizeBytes}`);
  }
  return Math.min(sizeBytes, offset + length);
}
