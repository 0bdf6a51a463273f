import { createFills, type Fills } from './fills.ts';
import { createReadWaits, type ReadWaits } from './read-waits.ts';

/** What residency has done since the daemon started, for metrics and the control API. Numbers that only grow. */
export interface ResidencyCounters {
  readonly fills: Fills;
  /** Bytes asked of the bucket, as stored. */
  fetchedBytes: number;
  requests: number;
  retries: number;
  hedges: number;
  /** Chunks, and files of layers, that were not what they should be: in the bucket, or on this node. */
  verificationFailures: number;
  /** Of those, how many a sound copy has taken the place of. */
  healed: number;
  /** Chunks that could not be made resident. */
  failedChunks: number;
  /** Reads that have begun to wait, and for how long those have waited that do no more. */
  waits: number;
  waitMs: number;
  /** Reads that have waited. */
  readonly readWaits: ReadWaits;
  evictedBytes: number;
}

export function createCounters(): ResidencyCounters {
  return {
    fills: createFills(),
    fetchedBytes: 0,
    requests: 0,
    retries: 0,
    hedges: 0,
    verificationFailures: 0,
    healed: 0,
    failedChunks: 0,
    waits: 0,
    waitMs: 0,
    readWaits: createReadWaits(),
    evictedBytes: 0,
  };
}
