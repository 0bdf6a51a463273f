import type { Digest } from '@lade/oci';
import type { BucketRequests, FillSource, RequestFigures } from './messages.ts';

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

/** What GET /v1/bucket/history is asked for. */
export interface HistoryQuery {
  /** Default: minute. */
  readonly step?: 'minute' | 'hour';
  /** ISO 8601. Default, and at the earliest: as long as steps are kept, minutes for 24 hours, hours for 30 days. */
  readonly since?: string;
}

/**
 * What this node has asked of the bucket step by step, over all its daemons. Times are seconds since 1970; the numbers of a list belong to
 * the times of `at`.
 */
export interface BucketHistory {
  readonly step: 'minute' | 'hour';
  /** The answer is about the time from the begin of a step until now. */
  readonly since: number;
  readonly until: number;
  /** The begin of each step in which anything was done, ascending; the last may not be over. */
  readonly at: readonly number[];
  readonly requests: Readonly<
    Record<keyof BucketRequests, Readonly<Record<keyof RequestFigures, readonly number[]>>>
  >;
  /** Bytes that became resident, by where they came from. */
  readonly fills: Readonly<Record<FillSource, readonly number[]>>;
  /** Reads that began to wait, and for how long those have waited that do no more. */
  readonly waits: { readonly reads: readonly number[]; readonly ms: readonly number[] };
  /** How large the bucket was when it was listed and had changed: so until the next time here. The first may lie before `since`. */
  readonly sizes: {
    readonly at: readonly number[];
    /** As kinds of GET /v1/bucket. */
    readonly kinds: Readonly<
      Record<string, { readonly objects: readonly number[]; readonly bytes: readonly number[] }>
    >;
  };
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
