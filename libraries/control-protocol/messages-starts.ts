import type { Digest } from '@lade/oci';

/**
 * `first`: the image's first start on the node that had to convert it. `cold`: bytes had to come from the bucket while it started.
 * `warm`: all that it touched was resident. More: docs/reference/control-api.md.
 */
export type StartKind = 'first' | 'cold' | 'warm';

/** One start of a container, by whomever. */
export interface Start {
  readonly kind: StartKind;
  readonly namespace: string;
  readonly container: string;
  readonly image: string;
  /** ISO 8601, UTC: when its task was started. */
  readonly startedAt: string;
  /** From the preparation of its snapshot to the start of its task. */
  readonly ms: number;
  /** From when its layers were asked for until they were here; of the first start after a pull that the daemon has seen. */
  readonly pullMs?: number;
  /** Reads of its processes that waited in that time or the ten seconds after it, for how long, and for how much. */
  readonly waits: number;
  readonly waitMs: number;
  readonly filledBytes: number;
  /** False while more may come for it, so that a warm one may still be cold. */
  readonly over: boolean;
}

/** Reads of layers that the kernel has asked about, with what it reads ahead. Numbers that only grow. */
export interface ReadFigures {
  readonly requests: number;
  readonly bytes: number;
  /** Those of them that had to wait, and for how long in all. */
  readonly waits: number;
  readonly waitMs: number;
  /** Chunks that were not resident when they were read of. */
  readonly filledBytes: number;
}

/** What the processes of a container have read of its layers since it was made, or since the daemon was started. */
export interface ContainerReads extends ReadFigures {
  /** By processes that are in no container, or cannot be told, in layers that no other container uses. */
  readonly unattributed?: ReadFigures;
  /** Only of a single container: the files that were waited for longest, then those of which most was read; at most 20. */
  readonly files?: readonly FileRead[];
  /**
   * Layers that the kernel reads without asking now, or that are not mounted: nothing is seen of reads of them, so that no requests
   * at all beside such layers mean that nothing was seen, and not that nothing was read.
   */
  readonly unseenLayers?: readonly Digest[];
}

/** Of one file, what a container has read. */
export interface FileRead {
  readonly diffId: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  /** Each counted once, in blocks of 4 KiB. */
  readonly bytes: number;
  readonly waits: number;
  readonly waitMs: number;
}
