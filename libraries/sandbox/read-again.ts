import type { StandInRequest } from './stand-in.ts';

export interface ReadAgain {
  /** Reads that asked for bytes which an earlier one had asked for. */
  readonly requests: number;
  /** That were sent more often than once, over and above the first time. */
  readonly bytes: number;
}

/** What a store has sent of its objects more than once. */
export function readAgain(requests: readonly StandInRequest[]): ReadAgain {
  const again = { requests: 0, bytes: 0 };
  const reads = requests.filter(({ method, status, key }) => method === 'GET' && status < 300 && key !== '');
  for (const ranges of Map.groupBy(reads, ({ key }) => key).values()) {
    let end = 0;
    for (const { offset, bytes } of ranges.toSorted((a, b) => a.offset - b.offset)) {
      if (offset < end) again.requests++;
      again.bytes += Math.max(0, Math.min(end, offset + bytes) - offset);
      end = Math.max(end, offset + bytes);
    }
  }
  return again;
}
