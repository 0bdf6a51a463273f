import type { Digest } from '@lade/oci';

/** GET /v1/layers/{diffId}. */
export interface LayerMap {
  readonly diffId: Digest;
  readonly blobBytes: number;
  /** Base64 of the chunks' sizes in blob order, unsigned 32-bit little-endian; chunks follow each other without gaps. */
  readonly chunkBytes: string;
  /** Base64 of a bit for each chunk, the lowest bit of a byte first. */
  readonly resident: string;
}

/** Some of what GET /v1/layers/{diffId}/files tells: regular files with data, under each of their names, in no order. */
export interface LayerFiles {
  readonly files: readonly LayerFile[];
}

export interface LayerFile {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * What GET /v1/layers/{diffId}/activity tells several times a second at most: what happened since the last one. The first is
 * `resident`, with all that is here.
 */
export type LayerEvent =
  | { readonly kind: 'resident'; readonly chunks: readonly number[] }
  | { readonly kind: 'evicted'; readonly chunks: readonly number[] }
  /** Something was read of these that nobody had read before, as far as is known. */
  | { readonly kind: 'touched'; readonly chunks: readonly number[] }
  /** Reads of this layer that had to wait. */
  | { readonly kind: 'waited'; readonly waits: number; readonly waitMs: number }
  /** Whether reads are seen from now on: not where the kernel has all of the layer, or it is not mounted. */
  | { readonly kind: 'reads'; readonly seen: boolean };

/** GET /v1/layers/{diffId}/trace: the chunks that a start touched, in that order, as a node has told the bucket. */
export interface Trace {
  readonly diffId: Digest;
  readonly chunks: readonly TraceChunk[];
}

export interface TraceChunk {
  readonly number: number;
  readonly offset: number;
  readonly sizeBytes: number;
  /** The first file that has bytes of it. */
  readonly path?: string;
}

/** A snapshot that containerd has of this daemon. */
export interface SnapshotSummary {
  readonly key: string;
  readonly kind: 'active' | 'view' | 'committed';
  readonly parent?: string;
  readonly diffId?: Digest;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}
