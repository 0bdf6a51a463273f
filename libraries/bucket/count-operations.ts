import type { ErrorCode } from '@lade/errors';
import type { Bucket } from './bucket.ts';
import type { BucketRequest, RequestClass } from './requests.ts';
import { watchBucket, type BucketEvent } from './watch-bucket.ts';

/** What an operation is priced as. */
export const OPERATION_CLASSES = {
  get: 'read',
  head: 'read',
  put: 'write',
  list: 'list',
  delete: 'delete',
} as const satisfies Record<BucketEvent['operation'], RequestClass>;

const ANSWERS: readonly ErrorCode[] = [
  'not_found',
  'already_exists',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'cancelled',
];

/** The same bucket, where operations stand for the requests that it does not make. */
export function countOperations(bucket: Bucket, tell: (request: BucketRequest) => void): Bucket {
  return watchBucket(bucket, ({ operation, bytes = 0, code }) =>
    tell({
      class: OPERATION_CLASSES[operation],
      isError: code !== undefined && !ANSWERS.includes(code),
      sentBytes: operation === 'put' ? bytes : 0,
      receivedBytes: operation === 'get' ? bytes : 0,
    }),
  );
}
