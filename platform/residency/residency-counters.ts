/** What residency has done since the daemon started, for metrics and the control API. Plain numbers that only grow. */
export interface ResidencyCounters {
  /** Chunks made resident, by where their bytes came from. */
  fetchedChunks: number;
  copiedChunks: number;
  adoptedChunks: number;
  zeroChunks: number;
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
  /** Questions of readers that had to wait, and for how long in all. */
  waits: number;
  waitMs: number;
  evictedBytes: number;
}

export function createCounters(): ResidencyCounters {
  return {
    fetchedChunks: 0,
    copiedChunks: 0,
    adoptedChunks: 0,
    zeroChunks: 0,
    fetchedBytes: 0,
    requests: 0,
    retries: 0,
    hedges: 0,
    verificationFailures: 0,
    healed: 0,
    failedChunks: 0,
    waits: 0,
    waitMs: 0,
    evictedBytes: 0,
  };
}
