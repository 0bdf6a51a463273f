import type { Digest } from '@lade/oci';
import type { WireError } from './wire-error.ts';

/** GET /v1/status. */
export interface Status {
  readonly version: string;
  readonly root: string;
  /** The bucket's URL without credentials. */
  readonly bucket: string;
  /** How blobs become resident: "full", "fanotify" or "fuse". */
  readonly fillMode: string;
  /** containerd's version, when the daemon can talk to one. */
  readonly containerd?: string;
  readonly uploads: {
    readonly waiting: number;
    /** Why the last upload failed, unless it succeeded. */
    readonly lastError?: string;
  };
  /** How many layers are on this node. */
  readonly layers: number;
}

/** An image that the bucket knows, for one platform. */
export interface ImageSummary {
  readonly name: string;
  /** Digest of what the name points at: an image index or a manifest. */
  readonly digest: Digest;
  /** os/architecture, with /variant where there is one. */
  readonly platform: string;
  /** Bottom layer first. */
  readonly layers: readonly ImageLayer[];
  /** ISO 8601, UTC. */
  readonly publishedAt: string;
}

export interface ImageLayer {
  readonly diffId: Digest;
  readonly chainId: Digest;
  /** As the registry has it: compressed. */
  readonly sizeBytes: number;
  /** Whether it is on this node. */
  readonly here: boolean;
}

/** A layer that is on this node. */
export interface LayerSummary {
  readonly diffId: Digest;
  readonly origin: 'converted' | 'fetched';
  readonly tarBytes: number;
  readonly blobBytes: number;
  /** What its files occupy on this node's disk. */
  readonly diskBytes: number;
  readonly inodes: number;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** False while the bucket may still lack it. */
  readonly uploaded: boolean;
}

/** Which layer of an image, counted from 1 at the bottom. */
interface LayerPosition {
  readonly diffId: Digest;
  readonly number: number;
  readonly of: number;
}

/** What POST /v1/images/verify tells. A layer that fails does not end the stream; `verified` does. */
export type VerifyEvent =
  | (LayerPosition & { readonly kind: 'proving' })
  | (LayerPosition & { readonly kind: 'proved'; readonly tarBytes: number })
  | (LayerPosition & { readonly kind: 'failed'; readonly error: WireError })
  | {
      readonly kind: 'verified';
      readonly layers: number;
      readonly failed: number;
      readonly tarBytes: number;
    };

/** What POST /v1/images/pull tells; `restored` is the last. */
export type PullEvent =
  | (LayerPosition & { readonly kind: 'fetching' })
  | (LayerPosition & { readonly kind: 'present' })
  | { readonly kind: 'restored'; readonly name: string; readonly digest: Digest; readonly layers: number };

/** The last line of a stream that failed after its first event. */
export interface StreamFailure {
  readonly kind: 'error';
  readonly error: WireError;
}
