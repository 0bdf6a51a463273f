import { CodedError } from '@lade/errors';
import { isDigest, type Digest } from '@lade/oci';

export type Kind = 'view' | 'active' | 'committed';

export type Labels = Readonly<Record<string, string>>;

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

/** containerd's own limit (`pkg/labels`), key and value together. */
const MAX_LABEL_BYTES = 4096;

/** `labels` without the empty ones, which containerd never stores; `invalid_argument` for one that is too long. */
export function storableLabels(labels: Labels): Labels {
  const entries = Object.entries(labels).filter(([, value]) => value !== '');
  for (const [key, value] of entries) {
    if (Buffer.byteLength(key) + Buffer.byteLength(value) <= MAX_LABEL_BYTES) continue;
    throw new CodedError(
      'invalid_argument',
      `Cannot store label ${key.slice(0, 64)}: key and value exceed ${MAX_LABEL_BYTES} bytes`,
      { cure: 'Shorten the label' },
    );
  }
  return Object.fromEntries(entries);
}

/** The value of one label; unlike plain indexing it never finds what every object inherits. */
export function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/**
 * The chain id that a committed snapshot stands for, as containerd says: its label snapshot.ref, or else the name that it was
 * given behind `<namespace>/<number>/`.
 */
export function declaredChain(name: string, labels: Labels): Digest | undefined {
  const chain = labelOf(labels, SNAPSHOT_REF) ?? name.slice(name.lastIndexOf('/') + 1);
  return isDigest(chain) ? chain : undefined;
}
