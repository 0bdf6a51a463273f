import { CodedError } from '@lade/errors';

/** How an object is cut into parts; the same for the same size, so that another try finds the parts of one before. */
export interface PartLayout {
  readonly partBytes: number;
  readonly count: number;
  /** How many are held in memory, and sent, at the same time. */
  readonly atOnce: number;
}

/** S3 and OBS: parts of an object, bytes of an object. */
const MAX_PARTS = 10_000;
const MAX_OBJECT_BYTES = 5 * 2 ** 40;
/** Enough for 160 GB; larger objects have larger parts, rounded up to whole MiB. */
const PART_BYTES = 16 << 20;
const ROUND_BYTES = 1 << 20;
/** What the parts in memory may take, unless a single one takes more. */
const MEMORY_BYTES = 64 << 20;

/** Throws `invalid_argument` for an object that is too large for any store. */
export function layOutParts(sizeBytes: number, key: string): PartLayout {
  if (sizeBytes > MAX_OBJECT_BYTES)
    throw new CodedError(
      'invalid_argument',
      `Cannot put ${key}: it has ${sizeBytes} bytes, and an object at most ${MAX_OBJECT_BYTES}`,
    );
  const needed = Math.ceil(sizeBytes / MAX_PARTS / ROUND_BYTES) * ROUND_BYTES;
  const partBytes = Math.max(PART_BYTES, needed);
  return {
    partBytes,
    count: Math.ceil(sizeBytes / partBytes),
    atOnce: Math.max(1, Math.floor(MEMORY_BYTES / partBytes)),
  };
}

/** The last part may be shorter. */
export function sizeOfPart({ partBytes, count }: PartLayout, number: number, sizeBytes: number): number {
  return number < count ? partBytes : sizeBytes - (count - 1) * partBytes;
}
