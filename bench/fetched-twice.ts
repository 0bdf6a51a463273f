import type { StandInRequest } from '@lade/sandbox';

/** Bytes of objects that a store has sent more often than once, over and above the first time. */
export function fetchedTwice(requests: readonly StandInRequest[]): number {
  const reads = requests.filter(({ method, status, key }) => method === 'GET' && status < 300 && key !== '');
  const byKey = Map.groupBy(reads, ({ key }) => key);
  return [...byKey.values()].reduce((sum, ranges) => sum + overlap(ranges), 0);
}

function overlap(ranges: readonly StandInRequest[]): number {
  let end = 0;
  let twice = 0;
  for (const { offset, bytes } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    twice += Math.max(0, Math.min(end, offset + bytes) - offset);
    end = Math.max(end, offset + bytes);
  }
  return twice;
}
