import type { Descriptor, Digest } from '@lade/oci';

/** Labels by which containerd's garbage collection sees what a blob refers to. */
export type GcLabels = Readonly<Record<string, string>>;

const PREFIX = 'containerd.io/gc.ref';

/** Every child in its place, also those that are not here: a reference to nothing does no harm. */
export function indexLabels(manifests: readonly Descriptor[]): GcLabels {
  return Object.fromEntries(manifests.map(({ digest }, i) => [`${PREFIX}.content.m.${i}`, digest]));
}

export function manifestLabels(config: Descriptor, layers: readonly Descriptor[]): GcLabels {
  const references = layers.map(({ digest }, i) => [`${PREFIX}.content.l.${i}`, digest]);
  return { [`${PREFIX}.content.config`]: config.digest, ...Object.fromEntries(references) };
}

/** The config keeps the snapshots of an unpacked image; one without layers has none. */
export function configLabels(snapshotter: string, topChainId: Digest | undefined): GcLabels {
  return topChainId === undefined ? {} : { [`${PREFIX}.snapshot.${snapshotter}`]: topChainId };
}
