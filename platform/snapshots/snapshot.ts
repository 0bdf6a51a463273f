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

/**
 * The chain id that a committed snapshot stands for, as containerd says: its label snapshot.ref, or else the name that it was
 * given behind `<namespace>/<number>/`.
 */
export function declaredChain(name: string, labels: Labels): Digest | undefined {
  const chain = labelOf(labels, SNAPSHOT_REF) ?? name.slice(name.lastIndexOf('/') + 1);
  return isDigest(chain) ? chain : undefined;
}
