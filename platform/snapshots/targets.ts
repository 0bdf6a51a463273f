import { chainId, isDigest, type Digest } from '@lade/oci';
import { SharedCalls } from '@lade/streams';
import type { RemoteLayers } from './ports.ts';
import type { NewSnapshot, SnapshotStore } from './snapshot-store.ts';

type Found = Awaited<ReturnType<RemoteLayers['find']>>;

/**
 * The remote-snapshot handshake: a Prepare that names its target in the label snapshot.ref need not unpack anything when
 * the target is here already, or can be had from its converted layer.
 */
export class Targets {
  readonly #store: SnapshotStore;
  readonly #remote: RemoteLayers;
  readonly #lookups = new SharedCalls<Found>();

  constructor(store: SnapshotStore, remote: RemoteLayers) {
    this.#store = store;
    this.#remote = remote;
  }

  /** Whether the target is a committed snapshot on the same parent, when this returns. A target is a chain id. */
  async exists(
    snapshot: NewSnapshot,
    target: string,
    options: { readonly signal?: AbortSignal },
  ): Promise<boolean> {
    const parent = this.#store.checkNew(snapshot);
    if (this.#store.queries.target(target, parent?.id)) return true;
    if (!isDigest(target)) return false;
    const parentChain = parent?.chainId;
    if (parent && !parentChain) return false;
    const layer =
      this.#store.queries.layerOf(target) ?? (await this.#find(target, parentChain, options))?.diffId;
    // A record about another parent must not put its layer on this one.
    if (!layer || chainId(parentChain, layer) !== target) return false;
    options.signal?.throwIfAborted();
    this.#store.adopt(snapshot, target, layer);
    return true;
  }

  async #find(
    target: Digest,
    parentChain: Digest | undefined,
    options: { readonly signal?: AbortSignal },
  ): Promise<Found> {
    const find = async (signal: AbortSignal): Promise<Found> => {
      const found = await this.#remote.find(target, parentChain, { signal });
      // All who wait adopt it in this turn of the event loop; from then on their snapshots keep it.
      if (found) setImmediate(() => found[Symbol.dispose]());
      return found;
    };
    return this.#lookups.run(`${target} ${parentChain ?? ''}`, find, options);
  }
}
