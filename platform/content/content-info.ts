import type { Labels } from '@lade/containerd-store';
import type { ContentDigest } from './content-digest.ts';

/** What containerd calls content.Info. Times are nanoseconds since 1970. */
export interface ContentInfo {
  readonly digest: ContentDigest;
  readonly sizeBytes: number;
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
  readonly labels: Labels;
}

/** An ingest: content that is being written under `ref`. */
export interface IngestStatus {
  readonly ref: string;
  /** Bytes written so far. */
  readonly offset: number;
  /** Bytes that its writer announced; 0 when it did not. */
  readonly total: number;
  readonly startedAt: bigint;
  readonly updatedAt: bigint;
}
