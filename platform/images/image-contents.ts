import { parseImageIndex, type Descriptor, type Digest } from '@lade/oci';
import { configLabels, indexLabels, manifestLabels, type GcLabels } from './gc-labels.ts';
import type { NodeImages } from './node-images.ts';

/** A small blob with what containerd's garbage collection has to know of it. */
export interface Content {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly labels: GcLabels;
}

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What containerd's content store needs of one image besides its layers, children first. */
export function contentsOf(
  {
    config,
    manifest,
    index,
  }: { readonly config: Blob; readonly manifest: Blob; readonly index: Blob | undefined },
  layers: { readonly descriptors: readonly Descriptor[]; readonly topChainId: Digest | undefined },
  snapshotter: string,
): Content[] {
  return [
    { ...config, labels: configLabels(snapshotter, layers.topChainId) },
    { ...manifest, labels: manifestLabels(config.descriptor, layers.descriptors) },
    ...(index
      ? [{ ...index, labels: indexLabels(parseImageIndex(index.bytes, index.descriptor.digest).manifests) }]
      : []),
  ];
}

export async function putContents(
  contents: readonly Content[],
  node: NodeImages,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { descriptor, bytes, labels } of contents) {
    signal?.throwIfAborted();
    await node.putContent(descriptor, bytes, labels);
  }
}
