import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { CodedError, fromUnknown, type ErrorCode } from '@lade/errors';

/** Our codes are gRPC's, one to one. */
const STATUS = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalid_argument: status.INVALID_ARGUMENT,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  permission_denied: status.PERMISSION_DENIED,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  failed_precondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  out_of_range: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  unauthenticated: status.UNAUTHENTICATED,
} as const satisfies Record<ErrorCode, status>;

const CODES = new Map(Object.entries(STATUS).map(([code, number]) => [number, code as ErrorCode]));

/** A message travels in a header: longer ones, or text that is no Unicode, would break the call or the connection. */
const MAX_MESSAGE_CHARACTERS = 4096;

/** What a handler threw, as it goes over the wire: the cure is part of the message, causes and stacks stay here. */
export function toStatus(reason: unknown): StatusObject {
  const { code, message, cure } = fromUnknown(reason);
  const details = cure === undefined ? message : `${message} (${cure})`;
  return {
    code: STATUS[code],
    details: details.slice(0, MAX_MESSAGE_CHARACTERS).toWellFormed(),
    metadata: new Metadata(),
  };
}

/** What a call failed with, as a coded error. */
export function fromServiceError(error: ServiceError, method: string): CodedError {
  const code = CODES.get(error.code as (typeof STATUS)[ErrorCode]) ?? 'unknown';
  return new CodedError(code, error.details === '' ? `Cannot call ${method}: ${code}` : error.details, {
    details: { method },
  });
}
