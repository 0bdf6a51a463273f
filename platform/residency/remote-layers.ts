import type { Bucket } from '@lade/bucket';
import { codeOf, type ErrorCode } from '@lade/errors';
import { readChainRecord, readRecordedIndex, type ChainKeys } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { LocalLayers, PinnedLayer } from './local-layers.ts';

/** How long a lookup may take before it counts as a miss, and how long a bucket in trouble is left alone. */
const LOOKUP_MS = 5_000;
const REST_MS = 15_000;

export interface RemoteLayersOptions {
  readonly bucket: Bucket;
  readonly keys: ChainKeys;
  readonly layers: LocalLayers;
  readonly log: Logger;
}

/** Layers that other nodes have published, made usable here. A bucket in trouble is a miss. */
export class RemoteLayers {
  readonly #options: RemoteLayersOptions;
  #restUntil = 0;

  constructor(options: RemoteLayersOptions) {
    this.#options = options;
  }

  /** The pinned layer that makes `chain` on top of `parentChain`, or undefined: not published, not reachable, not to be trusted. Throws only when aborted. */
  async find(
    chain: Digest,
    parentChain: Digest | undefined,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<PinnedLayer | undefined> {
    if (Date.now() < this.#restUntil) return undefined;
    const started = Date.now();
    try {
      const layer = await this.#find(chain, parentChain, options.signal);
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
    parentChain: Digest | undefined,
    signal: AbortSignal | undefined,
  ): Promise<PinnedLayer | undefined> {
    const { bucket, keys, layers } = this.#options;
    const timeout = AbortSignal.timeout(LOOKUP_MS);
    const lookup = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
    const record = await readChainRecord(bucket, chain, keys, lookup);
    if (!record || record.parent !== parentChain) return undefined;
    if (layers.has(record.diffId)) return layers.pin(record.diffId);
    return layers.fetch(await readRecordedIndex(bucket, record, lookup), signal ? { signal } : {});
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
