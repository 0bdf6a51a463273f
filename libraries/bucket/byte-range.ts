import { CodedError } from '@lade/errors';
import type { RangeOptions } from './bucket.ts';

export interface ByteRange {
  readonly offset: number;
  /** Infinity: to the end. */
  readonly length: number;
}

/** Fills in the defaults. RangeError for what is no number of bytes. */
export function byteRange({ offset = 0, length = Infinity }: RangeOptions): ByteRange {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (isCount(offset) && (isCount(length) || length === Infinity)) return { offset, length };
  throw new RangeError(`${offset} and ${length} are no offset and length in bytes`);
}

/** Where the range ends in an object of `sizeBytes`. Throws `out_of_range` for an offset that lies beyond it. */
export function rangeEnd({ offset, length }: ByteRange, sizeBytes: number, name: string): number {
  if (offset > 0 && offset >= sizeBytes) {
    throw new CodedError('out_of_range', `Cannot read ${name} from byte ${offset}: it has ${sizeBytes}`);
  }
  return Math.min(sizeBytes, offset + length);
}
