import type { Descriptor, Digest } from '@lade/oci';
import type { ByteSource } from '@lade/streams';
import type { GcLabels } from './gc-labels.ts';
import type { ImageManifest } from './image-record.ts';

/** This node's containerd, as far as restoring an image needs it. */
export interface NodeImages {
  /** Keeps what is made from garbage collection until disposed, and for a day at most. */
  lease(): Promise<AsyncDisposable>;
  /** Makes the layer's snapshot exist, from the bucket; false when the bucket lacks the layer. */
  layerPresent(chainId: Digest, parentChainId: Digest | undefined): Promise<boolean>;
  /** These layers, bottom first, are wanted next: they are looked for all at once. They stay until disposal. */
  expectLayers(layers: Pick<ImageManifest, 'chainIds' | 'diffIds'>): AsyncDisposable;
  /** A blob that is there already gets the labels. */
  putContent(descriptor: Descriptor, bytes: Uint8Array, labels: GcLabels): Promise<void>;
  /** Creates the image, or points it at `target`. */
  putImage(name: string, target: Descriptor, labels: Readonly<Record<string, string>>): Promise<void>;
}

/** The same containerd, as far as bringing layers of a registry needs it. */
export interface NodeLayers {
  /** A small blob whole, or undefined where it is not here. */
  readContent(digest: Digest): Promise<Uint8Array | undefined>;
  /** Stores a blob, of which it asks for no more than it lacks. Throws `failed_precondition` for other bytes. */
  storeLayer(
    blob: Descriptor,
    bytesFrom: (offset: number) => ByteSource,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  /** A place for the files of a layer, or undefined when its snapshot exists: it was here, or in the bucket. */
  prepareLayer(chainId: Digest, parentChainId: Digest | undefined): Promise<PreparedLayer | undefined>;
}

/** Disposal gives the place up, unless it was unpacked to. */
export interface PreparedLayer extends AsyncDisposable {
  /** Unpacks a blob that is stored, and commits its snapshot. Throws `data_loss` for one of another diff id. */
  unpack(blob: Descriptor, diffId: Digest): Promise<void>;
}
