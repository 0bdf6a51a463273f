import { labelOf, type Labels } from '@lade/containerd-store';
import { isDigest, type Digest } from '@lade/oci';

export type Kind = 'view' | 'active' | 'committed';

/** What containerd calls snapshots.Info. Times are nanoseconds since 1970. */
export interface Info {
  readonly name: string;
  /** Name of the parent, '' without one. */
  readonly parent: string;
  readonly kind: Kind;
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
  readonly labels: Labels;
}

/** What one snapshot occupies, without its parents. */
export interface Usage {
  readonly sizeBytes: number;
  readonly inodes: number;
}

/** Names the chain id that a Prepare is going to be unpacked to (the remote-snapshot handshake). */
export const SNAPSHOT_REF = 'containerd.io/snapshot.ref';

/** Beside it, from containerd 2.3 on: the layer's diff id, and the chain below it, which the lowest layer does not have. */
export const LAYER_DIFF_ID = 'containerd.io/snapshot/diff-id';
export const LAYER_PARENT_CHAIN = 'containerd.io/snapshot/parent-chain-id';

/** Has containerd, which takes over the labels of what exists, keep another snapshot of ours as long as this one. */
export const GC_REFERENCE = 'containerd.io/gc.ref.snapshot.lade';

/**
 * The chain id that a committed snapshot stands for, as containerd says: its label snapshot.ref, or else the name that it was
 * given behind `<namespace>/<number>/`.
 */
export function declaredChain(name: string, labels: Labels): Digest | undefined {
  const chain = labelOf(labels, SNAPSHOT_REF) ?? name.slice(name.lastIndexOf('/') + 1);
  return isDigest(chain) ? chain : undefined;
}
