import type { Digest } from '@lade/oci';
import type { Usage } from './snapshot.ts';

/** Converted layers on this node. */
export interface LayerMounts {
  /**
   * Directory where the layer's file system is mounted, after mounting it if needed. Overlay mounts name every layer
   * of a chain within 4096 bytes: give short paths (at most some 15 bytes beyond what they share with the snapshots'
   * root), without colon, comma and backslash. Must work for every diff id that was attached here or that
   * RemoteLayers found.
   */
  mount(diffId: Digest, options: { readonly signal?: AbortSignal }): Promise<string>;
  /** The layer that mount() has put there; undefined for any other directory. */
  layerAt(directory: string): Digest | undefined;
  /** What the layer occupies on this node. */
  usage(diffId: Digest): Promise<Usage>;
  /** Paths (byte strings, `a/b`) of the directories that the layer's tar did not name; never the root. */
  impliedDirectories(diffId: Digest): Promise<readonly string[]>;
  /** Called from cleanup(): layers that no snapshot refers to may be unmounted and deleted; ask right before each. */
  retain(isReferenced: (diffId: Digest) => boolean): Promise<void>;
}

/** Layers that other nodes have published. */
export interface RemoteLayers {
  /**
   * The layer on top of `chain`, where it is one on `parentChain`; a hit promises that LayerMounts.mount() of it will work.
   * A failing bucket must look like a miss: this resolves undefined, it never throws except when aborted. The layer stays until
   * it is disposed.
   */
  find(
    chain: Digest,
    parentChain: Digest | undefined | 'any',
    options: { readonly signal?: AbortSignal },
  ): Promise<
    ({ readonly diffId: Digest; readonly parentChain: Digest | undefined } & Disposable) | undefined
  >;
}

/**
 * How to tell a containerd that prepares layers without their parents, to unpack them side by side, that it need not unpack
 * one: by an active snapshot that mounts read-only (2.4 and newer), or by one that exists as if it had no parent. `never`: it
 * does not prepare layers so.
 */
export type LayersApart = 'staged' | 'exists' | 'never';

/** Told inside the transaction that commits the layer of an image. */
export interface CommitListener {
  /** It is converted: its publication can be enqueued atomically. */
  committed(layer: {
    readonly chainId: Digest;
    readonly parentChainId: Digest | undefined;
    readonly diffId: Digest;
  }): void;
  /** It was unpacked as files: there is one more of the plain snapshots. */
  unpacked(): void;
}

/** What the containerd that asks has agreed to. */
export interface AgreedTerms {
  /** Whether it leaves mapping ids to us, instead of changing owners in a copy of the image. */
  leavesIdsToUs(options: { readonly signal?: AbortSignal }): Promise<boolean>;
  /** Undefined when it cannot be asked. Throws only when aborted. */
  layersApart(options: { readonly signal?: AbortSignal }): Promise<LayersApart | undefined>;
}

/** Shows directories with the owners that they have in a user namespace. */
export interface IdMapper {
  /** Mounts the directories, without what is mounted below them, on `<folder>/0`, `<folder>/1` …; the folder is empty. */
  mount(
    folder: string,
    directories: readonly string[],
    mapping: { readonly uids: string; readonly gids: string },
  ): Promise<void>;
  /** Leaves the folder empty, if it is not; who uses what was mounted keeps it. */
  unmount(folder: string): Promise<void>;
}

/** What Node's fs cannot do with directories. Paths are raw bytes. */
export interface DirectoryAttributes {
  /** Gives directory `to` the mode, owner, times (in nanoseconds) and extended attributes of `from`, save `trusted.*`. */
  copyAttributes(from: Buffer, to: Buffer): Promise<void>;
  /** Whether overlay mounts hide what lies below this directory (`trusted.overlay.opaque` is `y`). */
  isOpaque(directory: Buffer): Promise<boolean>;
}
