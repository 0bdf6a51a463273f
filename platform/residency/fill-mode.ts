import type { Digest } from '@lade/oci';
import type { LayerIndex } from '@lade/layers';

/** A layer's files on this node, as a fill mode sees them. */
export interface FillTarget {
  readonly index: LayerIndex;
  /** `<root>/layers/<diff id>` */
  readonly folder: string;
}

/** One way to get a blob's bytes behind a live mount. All of them work on the same files and the same bucket objects. */
export interface FillMode {
  readonly name: 'full' | 'fanotify' | 'fuse';
  /** Called before the layer becomes visible to containerd: fetches what this mode needs up front. */
  prepare(target: FillTarget, options: { readonly signal?: AbortSignal }): Promise<void>;
  /** The path by which the kernel opens the blob of a mounted layer; the kernel sees only checked bytes through it. */
  attach(target: FillTarget): Promise<string>;
  /** The layer is no longer mounted. */
  detach(diffId: Digest): Promise<void>;
}
