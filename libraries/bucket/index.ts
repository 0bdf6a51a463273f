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
export { openMultipartSteps, type MultipartSteps } from './multipart-steps.ts';
export type { CredentialEvent, Environment } from '@lade/credentials';
