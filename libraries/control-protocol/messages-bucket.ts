import type { Digest } from '@lade/oci';

/** GET /v1/bucket: the objects by kind, from one listing that is at most a minute old. */
export interface BucketContents {
  /** ISO 8601, UTC. */
  readonly listedAt: string;
  readonly kinds: readonly BucketKind[];
}

export interface BucketKind {
  /** layers, packs, chains, content, hot, refs, nodes or other. */
  readonly kind: string;
  readonly objects: number;
  readonly bytes: number;
}

/** GET /v1/bucket/objects. */
export interface BucketObjects {
  readonly objects: readonly BucketObject[];
  /** The value of `after` for the next page; missing on the last. */
  readonly next?: string;
}

export interface BucketObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** ISO 8601, UTC. */
  readonly modifiedAt: string;
}

/** POST /v1/gc. */
export interface NodeGarbageRequest {
  /** Only tell. */
  readonly dryRun: boolean;
}

/** What this node had that no image and no container of it needs. */
export interface NodeGarbage {
  readonly dryRun: boolean;
  /** Whether containerd was reached and has collected its garbage first; false in a dry run. */
  readonly askedContainerd: boolean;
  /** How many were removed. */
  readonly snapshots: number;
  /** Removed; in a dry run, what would be as things are. */
  readonly layers: readonly NodeGarbageLayer[];
  /** They stay only until the bucket has got them. */
  readonly waiting: readonly NodeGarbageLayer[];
}

interface NodeGarbageLayer {
  readonly diffId: Digest;
  readonly diskBytes: number;
}

/** POST /v1/bucket/gc. */
export interface GarbageRequest {
  /** Only tell. */
  readonly dryRun: boolean;
  readonly graceDays?: number;
}

/** What POST /v1/bucket/gc tells; `collected` is the last. */
export type GarbageEvent =
  | { readonly kind: 'listed'; readonly objects: number }
  | { readonly kind: 'garbage'; readonly key: string; readonly sizeBytes: number }
  | { readonly kind: 'removed'; readonly key: string; readonly sizeBytes: number }
  | GarbageTotals;

export interface GarbageTotals {
  readonly kind: 'collected';
  readonly dryRun: boolean;
  readonly keptObjects: number;
  readonly keptBytes: number;
  readonly garbageObjects: number;
  readonly garbageBytes: number;
  /** Needed by nobody, but younger than the grace time. */
  readonly youngObjects: number;
}
