import { setTimeout as sleep } from 'node:timers/promises';
import { chainName } from '@lade/containerd-services';
import { isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { chainId, isDigest } from '@lade/oci';
import type { Foreground, LocalLayers, PinnedLayer } from '@lade/residency';
import type { PlainSnapshot, Snapshotter } from '@lade/snapshots';
import { createTrace, inTrace, type KnownTraces } from '@lade/tracing';
import type { ContainerdNode } from './containerd-node.ts';
import type { ConvertContent } from './convert-content.ts';
import { findLayerContents, type LayerContent } from './find-layer-contents.ts';

const SETTLE_MS = 200;
/** A client that had a layer's digest for containerd's snapshotters has put it here. */
const LAYER_DIGEST = 'containerd.io/snapshot/cri.layer-digest';
/** After rounds that left something over; then only what is new brings another round. */
const RETRIES_MS = [2_000, 10_000, 60_000, 600_000];
const MAX_FAILURES = 3;
/** A pull that lies about for longer than this holds nothing up. */
const UNPACK_MS = 30_000;
const LOOK_MS = 250;

export interface LayerConverterOptions {
  readonly node: ContainerdNode;
  readonly layers: LocalLayers;
  readonly snapshotter: Snapshotter;
  readonly foreground: Foreground;
  readonly convert: ConvertContent;
  /** Of the pulls that have brought the snapshots. */
  readonly traces: KnownTraces;
  readonly log: Logger;
}

/**
 * Turns plain snapshots into layers, behind the scenes, from the blobs that containerd has unpacked them from: where its own
 * differ did that, as containerd 1.6 always has it do. It looks when it starts and when it is woken, waits for pulls, and
 * leaves alone what has no blob any more.
 */
export class LayerConverter implements AsyncDisposable {
  readonly #options: LayerConverterOptions;
  readonly #stop = new AbortController();
  /** Keys of the snapshots that stay as they are for the rest of this daemon's life. */
  readonly #left = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #work: Promise<void>;
  #wake = Promise.withResolvers<'woken'>();
  #lookedAt = 0;

  constructor(options: LayerConverterOptions) {
    this.#options = options;
    this.#work = this.#run();
  }

  /** There may be another plain snapshot, or an image that tells of one. */
  wake(): void {
    this.#wake.resolve('woken');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#work;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let retries = 0; !signal.aborted;) {
      this.#wake = Promise.withResolvers();
      const isOver = await this.#round().catch((error: unknown) => {
        if (!signal.aborted) this.#options.log.debug('plain snapshots not looked through', { error });
        return false;
      });
      const why = await this.#pause(isOver ? undefined : RETRIES_MS[retries]);
      retries = why === 'woken' ? 0 : retries + 1;
      await sleep(SETTLE_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Until somebody wakes it, or for `ms` at most. */
  async #pause(ms: number | undefined): Promise<'woken' | 'over'> {
    const over = Promise.withResolvers<'over'>();
    const timer = ms === undefined ? undefined : setTimeout(() => over.resolve('over'), ms);
    try {
      return await Promise.race([this.#wake.promise, over.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether nothing is left that another round could bring about. */
  async #round(): Promise<boolean> {
    const { node, snapshotter, log } = this.#options;
    const { signal } = this.#stop;
    const open = (): PlainSnapshot[] =>
      snapshotter.plainSnapshots().filter((snapshot) => !this.#left.has(snapshot.key));
    if (open().length === 0) return true;
    await this.#turn();
    const snapshots = open();
    const chains = new Set(snapshots.map((snapshot) => snapshot.chainId));
    const contents = await findLayerContents(chains, { node, log, signal });
    for (const snapshot of snapshots) {
      const trace = this.#options.traces.find(chainName(snapshot.chainId)) ?? createTrace();
      await inTrace(trace, async () => this.#consider(snapshot, contents.get(snapshot.chainId) ?? []));
    }
    return open().length === 0;
  }

  async #consider(snapshot: PlainSnapshot, named: readonly LayerContent[]): Promise<void> {
    const { key, chainId: chain } = snapshot;
    const { log } = this.#options;
    try {
      using layer = await this.#layerFor(snapshot, [...labelled(snapshot), ...named]);
      if (layer) this.#replace(snapshot, layer);
      else if (named.length > 0) {
        this.#left.add(key);
        log.info('snapshot stays as files: containerd has no blob of its layer any more', { chainId: chain });
      }
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      if (failures >= MAX_FAILURES) this.#left.add(key);
      const what = failures < MAX_FAILURES ? 'will retry' : 'its snapshot stays as files';
      log.warn(`layer not converted, ${what}`, { chainId: chain, error });
    }
  }

  /** From another snapshot, or from the first of these blobs that is there. */
  async #layerFor(
    { layer }: PlainSnapshot,
    contents: readonly LayerContent[],
  ): Promise<PinnedLayer | undefined> {
    const { layers, convert } = this.#options;
    if (layer) return layers.pin(layer);
    for (const { digest, namespace } of contents) {
      try {
        return await convert(digest, {
          namespace,
          signal: this.#stop.signal,
          turn: async () => this.#turn(),
        });
      } catch (reason) {
        if (!isCodedError(reason, 'not_found')) throw reason;
      }
    }
    return undefined;
  }

  #replace({ key, chainId: chain, parentChainId }: PlainSnapshot, { diffId }: PinnedLayer): void {
    const { snapshotter, log } = this.#options;
    if (chainId(parentChainId, diffId) !== chain) {
      this.#left.add(key);
      log.error('snapshot stays as files: the blob is another layer', { chainId: chain, diffId });
      return;
    }
    const snapshots = snapshotter.replacePlain(parentChainId, diffId);
    log.info('snapshots turned into a layer', { chainId: chain, diffId, snapshots });
  }

  /** Resolves when no pull is going on, be it one that only containerd itself works for. */
  async #turn(): Promise<void> {
    const { foreground, snapshotter } = this.#options;
    const { signal } = this.#stop;
    await foreground.quiet(signal);
    while (Date.now() - this.#lookedAt > LOOK_MS) {
      if (!snapshotter.isUnpacking(UNPACK_MS)) this.#lookedAt = Date.now();
      else await sleep(LOOK_MS, undefined, { signal });
    }
  }
}

function labelled({ key, labels }: PlainSnapshot): LayerContent[] {
  const digest = labels[LAYER_DIGEST];
  if (digest === undefined || !isDigest(digest)) return [];
  return [{ namespace: key.slice(0, key.indexOf('/')), digest }];
}
