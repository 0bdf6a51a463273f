import type { Descriptor } from '@lade/oci';
import { forEachConcurrently } from '@lade/streams';

/** As many as containerd brings at a time. */
const MAX_DOWNLOADS = 3;

/** Layers on their way to this node, the lowest first, a few at a time. Disposal ends what is not here yet. */
export class LayerDownloads implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #arrivals: readonly PromiseWithResolvers<void>[];
  readonly #work: Promise<void>;

  constructor(
    layers: readonly Descriptor[],
    download: (layer: Descriptor, i: number, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ) {
    this.#arrivals = layers.map(() => Promise.withResolvers<void>());
    for (const { promise } of this.#arrivals) promise.catch(() => {});
    const bring = async ([i, layer]: [number, Descriptor], both: AbortSignal): Promise<void> => {
      await download(layer, i, both);
      this.#arrivals[i]?.resolve();
    };
    const options = { signal: AbortSignal.any([signal, this.#stop.signal]) };
    this.#work = forEachConcurrently(layers.entries(), MAX_DOWNLOADS, bring, options);
    this.#work.catch((reason: unknown) => {
      for (const { reject } of this.#arrivals) reject(reason);
    });
  }

  /** Resolves when the layer is here; throws why it, or one beside it, does not come. */
  async arrival(i: number): Promise<void> {
    await this.#arrivals[i]?.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work.catch(() => {});
  }
}
