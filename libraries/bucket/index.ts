export type {
  Bucket,
  ConditionalPuts,
  ObjectBody,
  ObjectInfo,
  PutOptions,
  RangeOptions,
  WaitOptions,
} from './bucket.ts';
export { openBucket, type Environment } from './open-bucket.ts';
