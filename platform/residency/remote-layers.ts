import type { Bucket } from '@lade/bucket';
import { codeOf, type ErrorCode } from '@lade/errors';
import { readChainRecord, readRecordedIndex, type ChainKeys, type ChainRecord } from '@lade/layers';
import type { Logger } from '@lade/log';
import { SharedCalls } from '@lade/streams';
import type { Digest } from '@lade/oci';
import { inSpan } from '@lade/tracing';
import type { LocalLayers, PinnedLayer } from './local-layers.ts';

/** A pinned layer, and the chain that it stands on. */
export interface FoundLayer extends PinnedLayer {
  readonly parentChain: Digest | undefined;
}

/** How long a lookup may take before it counts as a miss, and how long a bucket in trouble is left alone. */
const LOOKUP_MS = 5_000;
const REST_MS = 15_000;

export interface RemoteLayersOptions {
  readonly bucket: Bucket;
  readonly keys: ChainKeys;
  readonly layers: LocalLayers;
  readonly log: Logger;
  /**
   * Keeps a chain, and all that it needs, from being collected as garbage; begun before the chain is looked at. False when some of
   * it may be gone by now: then it has to be claimed, and looked at, once more.
   */
  readonly claim: (chain: Digest) => Promise<boolean>;
}

/** Layers that other nodes have published, made usable here. A bucket in trouble is a miss. */
export class RemoteLayers {
  readonly #options: RemoteLayersOptions;
  readonly #fetches = new SharedCalls<void>();
  /** Of chains that are expected. */
  readonly #records = new Map<Digest, Promise<ChainRecord | undefined>>();
  #restUntil = 0;

  constructor(options: RemoteLayersOptions) {
    this.#options = options;
  }

  /**
   * Brings layers, bottom first, at the same time that containerd will ask for one after the other. They stay until disposal, and
   * until then their records are not read again. The diff ids are a hint, so that starts are asked for at once.
   */
  expect(
    {
      chainIds: chains,
      diffIds,
    }: { readonly chainIds: readonly Digest[]; readonly diffIds: readonly Digest[] },
    signal: AbortSignal,
  ): AsyncDisposable {
    const { layers } = this.#options;
    for (const diffId of diffIds) if (!layers.has(diffId)) layers.announce(diffId);
    const finds = chains.map(async (chain, i) => {
      const reading = this.#readRecord(chain, signal);
      reading.catch(() => {});
      this.#records.set(chain, reading);
      return this.find(chain, chains[i - 1], { signal }).catch(() => undefined);
    });
    return {
      [Symbol.asyncDispose]: async () => {
        for (const chain of chains) this.#records.delete(chain);
        for (const found of await Promise.all(finds)) found?.[Symbol.dispose]();
      },
    };
  }

  /**
   * The pinned layer that makes `chain` on top of `parentChain`, or of any, or undefined: not published, not reachable, not to be
   * trusted. Throws only when aborted.
   */
  async find(
    chain: Digest,
    parentChain: Digest | undefined | 'any',
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<FoundLayer | undefined> {
    if (Date.now() < this.#restUntil) return undefined;
    const started = Date.now();
    try {
      const layer = await inSpan('find layer', { attributes: { 'lade.chain_id': chain } }, async () =>
        this.#find(chain, parentChain, options.signal),
      );
      const { bucket, log } = this.#options;
      const fields = {
        chainId: chain,
        diffId: layer?.diffId,
        bucket: bucket.location,
        ms: Date.now() - started,
      };
      log.info(layer ? 'layer found in the bucket' : 'layer not in the bucket', fields);
      return layer;
    } catch (reason) {
      options.signal?.throwIfAborted();
      if (isBucketTrouble(reason)) this.#restUntil = Date.now() + REST_MS;
      this.#options.log.warn('bucket lookup failed, pulling from the registry', {
        chainId: chain,
        error: reason,
      });
      return undefined;
    }
  }

  async #find(
    chain: Digest,
    parentChain: Digest | undefined | 'any',
    signal: AbortSignal | undefined,
  ): Promise<FoundLayer | undefined> {
    for (const isLast of [false, true]) {
      const claiming = this.#options.claim(chain);
      claiming.catch(() => {});
      const found = await this.#look(chain, parentChain, signal);
      if (!found || (await claiming)) return found;
      found[Symbol.dispose]();
      this.#records.delete(chain);
      if (isLast) this.#options.log.info('layer is just being collected as garbage', { chainId: chain });
    }
    return undefined;
  }

  async #look(
    chain: Digest,
    parentChain: Digest | undefined | 'any',
    signal: AbortSignal | undefined,
  ): Promise<FoundLayer | undefined> {
    const { layers } = this.#options;
    const record = await this.#record(chain, signal);
    if (!record || (parentChain !== 'any' && record.parent !== parentChain)) return undefined;
    const pinned = (): FoundLayer => ({ ...layers.pin(record.diffId), parentChain: record.parent });
    if (layers.has(record.diffId)) return pinned();
    layers.announce(record.diffId);
    const fetch = async (shared: AbortSignal): Promise<void> => this.#fetch(record, shared);
    await this.#fetches.run(record.diffId, fetch, signal ? { signal } : {});
    return pinned();
  }

  /** Once for all who wait: they pin the layer for themselves in the turn of the event loop that this one ends in. */
  async #fetch(record: ChainRecord, signal: AbortSignal): Promise<void> {
    const { bucket, layers } = this.#options;
    const timely = { signal: AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_MS)]) };
    const fetched = await layers.fetch(await readRecordedIndex(bucket, record, timely), { signal });
    setImmediate(() => fetched[Symbol.dispose]());
  }

  async #record(chain: Digest, signal: AbortSignal | undefined): Promise<ChainRecord | undefined> {
    const expected = await this.#records.get(chain)?.catch(() => undefined);
    return expected ?? this.#readRecord(chain, signal);
  }

  async #readRecord(chain: Digest, signal: AbortSignal | undefined): Promise<ChainRecord | undefined> {
    const { bucket, keys } = this.#options;
    const timeout = AbortSignal.timeout(LOOKUP_MS);
    const timely = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
    return readChainRecord(bucket, chain, keys, timely);
  }
}

const TROUBLE: readonly ErrorCode[] = [
  'unavailable',
  'deadline_exceeded',
  'permission_denied',
  'internal',
  'unknown',
];

function isBucketTrouble(reason: unknown): boolean {
  return TROUBLE.includes(codeOf(reason));
}
