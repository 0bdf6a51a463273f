import { create } from '@bufbuild/protobuf';
import { TimestampSchema, type Timestamp } from '@bufbuild/protobuf/wkt';

const SECOND_NS = 1_000_000_000n;

/** Of nanoseconds since 1970. */
export function toTimestamp(ns: bigint): Timestamp {
  return create(TimestampSchema, { seconds: ns / SECOND_NS, nanos: Number(ns % SECOND_NS) });
}

/** Nanoseconds since 1970. */
export function fromTimestamp({ seconds, nanos }: Timestamp): bigint {
  return seconds * SECOND_NS + BigInt(nanos);
}
