import { labelOf, type Labels } from '@lade/containerd-store';
import { chainId, isDigest, type Digest } from '@lade/oci';
import { SharedCalls } from '@lade/streams';
import type { AgreedTerms, RemoteLayers } from './ports.ts';
import { GC_REFERENCE, LAYER_DIFF_ID, LAYER_PARENT_CHAIN } from './snapshot.ts';
import type { LayerOnChain } from './snapshot-queries.ts';
import type { NewSnapshot, SnapshotStore, StagedLayer } from './snapshot-store.ts';

type Found = Awaited<ReturnType<RemoteLayers['find']>>;

interface Waiting {
  readonly signal?: AbortSignal;
}

/** What a Prepare that names its target comes to. */
export type Obtained =
  /** The target is a committed snapshot on the same parent. */
  | { readonly state: 'exists' }
  /** The layer is here, its parent is not known yet: it can be the content of the active snapshot. */
  | { readonly state: 'staged'; readonly layer: StagedLayer }
  /** `isApart`: containerd may tell its parent only at the commit. */
  | { readonly state: 'missing'; readonly isApart: boolean };

type ParentChain = Digest | undefined | 'any';

interface Candidate extends LayerOnChain {
  /** The bucket has it on this chain, or is going to get it. */
  readonly isPublished: boolean;
}

const EXISTS: Obtained = { state: 'exists' };
const MISSING: Obtained = { state: 'missing', isApart: false };
const MISSING_APART: Obtained = { state: 'missing', isApart: true };

/**
 * The remote-snapshot handshake: a Prepare that names its target in the label snapshot.ref need not unpack anything when
 * the target is here already, or can be had from its converted layer. A target is a chain id.
 */
export class Targets {
  readonly #store: SnapshotStore;
  readonly #remote: RemoteLayers;
  readonly #terms: AgreedTerms | undefined;
  readonly #lookups = new SharedCalls<Found>();

  constructor(store: SnapshotStore, remote: RemoteLayers, terms: AgreedTerms | undefined) {
    this.#store = store;
    this.#remote = remote;
    this.#terms = terms;
  }

  async obtain(snapshot: NewSnapshot, target: string, options: Waiting): Promise<Obtained> {
    const parent = this.#store.checkNew(snapshot);
    if (this.#store.queries.target(target, parent?.id)) return EXISTS;
    if (!isDigest(target)) return MISSING;
    if (!parent) return this.#obtainWithoutParent(snapshot, target, options);
    if (!parent.chainId) return MISSING;
    const layer = await this.#layer(target, parent.chainId, snapshot.labels, options);
    return layer ? this.#adopt(snapshot, target, layer) : MISSING;
  }

  /** The lowest layer of an image, or any layer in the eyes of a containerd that unpacks them side by side. */
  async #obtainWithoutParent(snapshot: NewSnapshot, target: Digest, options: Waiting): Promise<Obtained> {
    const { labels } = snapshot;
    const lowest = this.#here(target, undefined, labels);
    if (lowest) return this.#adopt(snapshot, target, lowest);
    const isLowest = labelOf(labels, LAYER_DIFF_ID) === target;
    const mode = isLowest || !this.#terms ? 'never' : await this.#terms.layersApart(options);
    const isKnown = mode === 'staged' || mode === 'exists';
    const layer = await this.#layer(target, isKnown ? 'any' : undefined, labels, options);
    if (layer && layer.parentChain === undefined) return this.#adopt(snapshot, target, layer);
    if (layer && mode === 'staged') return { state: 'staged', layer: toStaged(target, layer) };
    if (layer?.parentChain && this.#adoptApart(snapshot, target, layer, layer.parentChain)) return EXISTS;
    return mode === 'never' ? MISSING : MISSING_APART;
  }

  #adopt(snapshot: NewSnapshot, target: Digest, layer: Candidate): Obtained {
    this.#store.adopt(snapshot, target, toStaged(target, layer));
    return EXISTS;
  }

  /**
   * containerd asks for the layers bottom first and never names the parent of one that exists: it must be here already. Without
   * knowing that it is one, containerd keeps the parent only as long as a label refers to it.
   */
  #adoptApart(snapshot: NewSnapshot, target: Digest, layer: Candidate, parentChain: Digest): boolean {
    const parent = this.#store.queries.layersOf(parentChain);
    if (!parent) return false;
    const labels = { ...snapshot.labels, [GC_REFERENCE]: parentChain };
    this.#store.adopt({ ...snapshot, labels }, target, toStaged(target, layer), parent);
    return true;
  }

  /** The layer that makes `target`; what belongs on another parent must not be put on this one. */
  async #layer(
    target: Digest,
    parentChain: ParentChain,
    labels: Labels,
    options: Waiting,
  ): Promise<Candidate | undefined> {
    const here = this.#here(target, parentChain, labels);
    if (here) return here;
    const found = await this.#find(target, parentChain, options);
    options.signal?.throwIfAborted();
    return found && fits(found, target, parentChain) ? { ...found, isPublished: true } : undefined;
  }

  /** From this node: of another snapshot of the same chain, or the layer that the labels name, whatever it is on here. */
  #here(target: Digest, parentChain: ParentChain, labels: Labels): Candidate | undefined {
    const { queries } = this.#store;
    const known = queries.layerOf(target);
    if (known && fits(known, target, parentChain)) return { ...known, isPublished: true };
    const named = namedLayer(labels, parentChain);
    if (!named || !fits(named, target, parentChain) || !queries.hasLayer(named.diffId)) return undefined;
    return { ...named, isPublished: false };
  }

  async #find(target: Digest, parentChain: ParentChain, options: Waiting): Promise<Found> {
    const find = async (signal: AbortSignal): Promise<Found> => {
      const found = await this.#remote.find(target, parentChain, { signal });
      // All who wait adopt it in this turn of the event loop; from then on their snapshots keep it.
      if (found) setImmediate(() => found[Symbol.dispose]());
      return found;
    };
    return this.#lookups.run(`${target} ${parentChain ?? ''}`, find, options);
  }
}

/** The layer that the labels of containerd 2.3 and newer name. */
function namedLayer(labels: Labels, parentChain: ParentChain): LayerOnChain | undefined {
  const diffId = labelOf(labels, LAYER_DIFF_ID);
  const below = parentChain === 'any' ? labelOf(labels, LAYER_PARENT_CHAIN) : parentChain;
  if (!diffId || !isDigest(diffId)) return undefined;
  return below === undefined || isDigest(below) ? { diffId, parentChain: below } : undefined;
}

function fits({ diffId, parentChain }: LayerOnChain, target: Digest, wanted: ParentChain): boolean {
  return chainId(parentChain, diffId) === target && (wanted === 'any' || wanted === parentChain);
}

function toStaged(target: Digest, { diffId, isPublished }: Candidate): StagedLayer {
  return { diffId, publishedChain: isPublished ? target : undefined };
}
