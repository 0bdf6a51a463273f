import { codeOf, type ErrorCode } from '@lade/errors';
import { RequestRefusal } from './request-refusal.ts';

/** Statuses of RFC 9110 and 6585; 499 is never seen, its client has gone. */
const STATUS = {
  invalid_argument: 400,
  out_of_range: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  aborted: 409,
  failed_precondition: 409,
  resource_exhausted: 429,
  cancelled: 499,
  unknown: 500,
  internal: 500,
  data_loss: 500,
  unimplemented: 501,
  unavailable: 503,
  deadline_exceeded: 504,
} as const satisfies Record<ErrorCode, number>;

/** The HTTP status that a failure is answered with. */
export function statusOf(reason: unknown): number {
  return reason instanceof RequestRefusal ? reason.status : STATUS[codeOf(reason)];
}
