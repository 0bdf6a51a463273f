import type { Digest } from '@lade/oci';
import type { LayerPosition } from './messages-pull.ts';
import type { Start } from './messages-starts.ts';
import type { WireError } from './wire-error.ts';

/** GET /v1/status. */
export interface Status {
  readonly version: string;
  /** What this node is called in the bucket. */
  readonly node: string;
  readonly root: string;
  /** The bucket's URL without credentials. */
  readonly bucket: string;
  /** How blobs become resident: "full", "fanotify" or "fuse". */
  readonly fillMode: string;
  /** The socket of the containerd that it talks to. */
  readonly containerdAddress: string;
  /** containerd's version, when the daemon can talk to one. */
  readonly containerd?: string;
  readonly bucketHealth: BucketHealthStatus;
  readonly uploads: {
    readonly waiting: number;
    /** Why the last upload failed, unless it succeeded. */
    readonly lastError?: string;
  };
  /** How many layers are on this node. */
  readonly layers: number;
  /** Layers of images that are kept as containerd's own differ unpacked them, for now or because their blobs are gone. */
  readonly plainSnapshots: number;
  readonly residency: ResidencyStatus;
  /** What the bucket was asked since the daemon started, by what clouds price alike. */
  readonly bucketRequests: BucketRequests;
  /** Missing in fill mode "full", which needs no keeper. */
  readonly keeper?: {
    /** How often it has started a daemon that had crashed. */
    readonly restarts: number;
  };
}

/** `refused`: until somebody does something about it; `unreachable`: it may pass. Both: nothing has gone well since. */
export type BucketHealthState = 'unknown' | 'healthy' | 'degraded' | 'refused' | 'unreachable';

/** How what was done with the bucket went. Times are ISO 8601, UTC. */
export interface BucketHealthStatus {
  readonly state: BucketHealthState;
  readonly since: string;
  readonly lastSuccessAt?: string;
  /** What stands in the way of `healthy`, or what did so last. */
  readonly lastError?: WireError & {
    readonly at: string;
    readonly operation: 'put' | 'get' | 'head' | 'list' | 'delete';
    /** Of a list, the prefix. */
    readonly key: string;
  };
  /** By how much the bucket's clock is ahead of this node's; missing until it has told. */
  readonly clockAheadMs?: number;
}

/** GET and HEAD; PUT, POST and COPY; lists; deletions. */
export type BucketRequests = Readonly<Record<'read' | 'write' | 'list' | 'delete', RequestFigures>>;

/** Numbers that only grow. */
export interface RequestFigures {
  readonly requests: number;
  /** Of the requests: not answered, or refused. That something is missing or not as expected is an answer. */
  readonly errors: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** GET /v1/console. */
export interface ConsoleLink {
  /** Opens the console in a browser on this machine; the token behind its # never reaches a server's log. */
  readonly url: string;
}

/** What was done since the daemon started to make bytes of layers resident. Numbers that only grow. */
export interface ResidencyStatus {
  /** What became resident, by where it came from; bytes as they are in the blob. */
  readonly fills: Readonly<Record<FillSource, { readonly chunks: number; readonly bytes: number }>>;
  /** Asked of the bucket, as stored there. */
  readonly fetchedBytes: number;
  readonly requests: number;
  /** Of the requests: those that repeat one that failed, and second ones beside one that was slow. */
  readonly retries: number;
  readonly hedges: number;
  /** Chunks, and files of layers, that were not what they should be: in the bucket, or on this node. */
  readonly verificationFailures: number;
  /** Of those, how many a sound copy has taken the place of. */
  readonly healed: number;
  /** Chunks that could not be made resident: their readers got an error. */
  readonly failedChunks: number;
  /** Reads that have begun to wait, and for how long those have waited that do no more. */
  readonly waits: number;
  readonly waitMs: number;
  /** Those that wait no more, by where the last of their bytes came from; `none`: they were here, `failed`: they could not be had. */
  readonly readWaits: Readonly<
    Record<FillSource | 'none' | 'failed', { readonly reads: number; readonly ms: number }>
  >;
  readonly evictedBytes: number;
}

/** Packs of the bucket, its stream of hot chunks, another layer of this node, their own file, or nothing but zeros. */
export type FillSource = 'bucket' | 'hot' | 'copied' | 'adopted' | 'zero';

/** An image that the bucket or this node's containerd knows, for one platform. */
export interface ImageSummary {
  readonly name: string;
  /** Digest of what the name points at: an image index or a manifest. */
  readonly digest: Digest;
  /** os/architecture, with /variant where there is one. */
  readonly platform: string;
  readonly inBucket: boolean;
  readonly inContainerd: boolean;
  /** Bottom layer first. */
  readonly layers: readonly ImageLayer[];
  /** To the bucket: ISO 8601, UTC. */
  readonly publishedAt?: string;
  /** On this node, of images with these layers: the last eight of each kind, the last one first. */
  readonly starts?: readonly Start[];
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
  /** How much of the blob is checked and here. */
  readonly residentBytes: number;
  /** What its files occupy on this node's disk. */
  readonly diskBytes: number;
  readonly inodes: number;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** False while the bucket may still lack it. */
  readonly uploaded: boolean;
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

/** A node that shares the bucket, as it has told of itself last. Times are ISO 8601, UTC. */
export interface NodeSummary {
  readonly name: string;
  /** `gone`: it should have been seen by now, and was not stopped. */
  readonly state: 'running' | 'stopped' | 'gone';
  readonly version: string;
  readonly startedAt: string;
  readonly seenAt: string;
  readonly fillMode: string;
  readonly layers: number;
  readonly diskBytes: number;
  readonly uploadsWaiting: number;
  /** What it has asked of the bucket, by months as "2026-11". */
  readonly requests: Readonly<Record<string, BucketRequests>>;
  readonly countedSince: string;
}

/** What GET /v1/events is asked for. */
export interface EventQuery {
  /** How the kind begins. */
  readonly kind?: string;
  /** What one of the fields that are text holds, in whatever case. */
  readonly text?: string;
  /** Which trace it belongs to: 32 hex digits. */
  readonly traceId?: string;
  /** Only what came after the event with this id. */
  readonly since?: number;
  /** Only what happened at this time or later: ISO 8601, UTC. */
  readonly from?: string;
  /** Of what is kept, only the last so many. */
  readonly tail?: number;
  /** Whether to go on with what happens from now on. */
  readonly follow?: boolean;
}

/** Something that has happened (docs/reference/events.md). */
export interface DaemonEvent {
  readonly kind: string;
  /** Missing in `lost`, which tells a follower how many events, wanted or not, came too fast for it: `count`. */
  readonly id?: number;
  /** ISO 8601, UTC. Missing in `lost`. */
  readonly time?: string;
  readonly [field: string]: unknown;
}

/** The last line of a stream that failed after its first event. */
export interface StreamFailure {
  readonly kind: 'error';
  readonly error: WireError;
}
