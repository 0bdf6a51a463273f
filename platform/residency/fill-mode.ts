import type { BlockBits } from '@lade/block-bits';
import type { LayerIndex } from '@lade/layers';
import type { Digest } from '@lade/oci';

/** A layer's files on this node, as a fill mode sees them. */
export interface FillTarget {
  readonly index: LayerIndex;
  /** `<root>/layers/<diff id>` */
  readonly folder: string;
}

/** A layer of this node that is to be mounted. */
export interface MountTarget extends FillTarget {
  /** Names the layer on this node for ever. */
  readonly number: number;
  /** The index once more, for who has not kept it. */
  readIndex(): Promise<LayerIndex>;
}

export type FillModeName = 'full' | 'fanotify' | 'fuse';

interface AttachedBlob {
  /** By which the kernel opens the blob; it sees only checked bytes through it. */
  readonly kernelPath: string;
  /** Resolves when what the next start needs is here. Until then the kernel should ask for nothing that nobody needs. */
  readonly started: Promise<void>;
  /** Resolves when all of it is here to stay. */
  readonly whole: Promise<void>;
}

/** What can be seen of a blob between the kernel's questions and its chunks. */
export interface SeenBlob {
  readonly bits: BlockBits;
  /** Whether the kernel reads it without asking, so that reads are not seen. */
  readonly isSilent: boolean;
  /** Reads that had to wait, and for how long in all. */
  readonly waited: { readonly waits: number; readonly waitMs: number };
}

/** One way to get a blob's bytes behind a live mount. All of them work on the same files and the same bucket objects. */
export interface FillMode {
  readonly name: FillModeName;
  /** A layer is on its way to this node; prepare() follows unless it does not come. */
  announce(diffId: Digest): void;
  /** Called before the layer becomes visible to containerd: fetches what this mode needs up front. Tells whether that is all. */
  prepare(
    target: FillTarget,
    options: { readonly signal?: AbortSignal },
  ): Promise<{ readonly isWhole: boolean }>;
  /** The layer has come to this node, and is likely to be mounted soon. */
  expect(target: MountTarget): Promise<void>;
  /** Gets the blob of a layer ready for its mount. Also called for mounts that an earlier daemon left. */
  attach(target: MountTarget): Promise<AttachedBlob>;
  /** The blob of a layer that this mode serves. */
  served(diffId: Digest): Promise<SeenBlob | undefined>;
  /** The layer is no longer mounted. */
  detach(diffId: Digest): Promise<void>;
}

/** The modes that are open on this node. */
export interface FillModes {
  /** What new layers and mounts get. */
  readonly current: FillMode;
  /** For a mount that an earlier daemon left in a mode; undefined where that is not open here. */
  find(name: FillModeName): FillMode | undefined;
}
