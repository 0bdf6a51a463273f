export type {
  Bucket,
  ConditionalPuts,
  ObjectBody,
  ObjectInfo,
  PutOptions,
  RangeOptions,
  WaitOptions,
} from './bucket.ts';
export { openBucket } from './open-bucket.ts';
export {
  BUCKET_STATES,
  BucketHealth,
  type BucketCondition,
  type BucketFailure,
  type BucketState,
} from './bucket-health.ts';
export { openMultipartSteps, type MultipartSteps } from './multipart-steps.ts';
export { watchBucket, type BucketEvent } from './watch-bucket.ts';
export { StoreClock, type CredentialEvent, type Environment } from '@lade/credentials';
export {
  countRequest,
  createRequestCounts,
  type BucketRequest,
  type RequestClass,
  type RequestCounts,
  type RequestFigures,
} from './requests.ts';
export type { TrafficLimits } from './traffic.ts';
