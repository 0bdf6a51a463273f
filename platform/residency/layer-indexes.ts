import { CodedError, isCodedError } from '@lade/errors';
import { claimOf, metadataDigest, readLocalIndex, writeLocalIndex, type LayerIndex } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { LayerRow, LayerTable } from './layer-table.ts';
import type { ResidencyCounters } from './residency-counters.ts';

/** For the bucket to give an index; readers may be waiting. */
const FETCH_MS = 5_000;

export interface LayerIndexesOptions {
  readonly table: LayerTable;
  readonly log: Logger;
  readonly counters: ResidencyCounters;
  /** The bucket's index of a layer, if it has one; it may be anybody's. */
  readonly find: (
    diffId: Digest,
    options: { readonly signal: AbortSignal },
  ) => Promise<LayerIndex | undefined>;
}

/**
 * The local files `index`, each proven to claim what it claimed when its layer came to this node. The table of layers has the
 * digest of that claim, and of the last file that was proven, so that the proof is cheap.
 */
export class LayerIndexes {
  readonly #options: LayerIndexesOptions;

  constructor(options: LayerIndexesOptions) {
    this.#options = options;
  }

  /**
   * The layer's index, and that of the bucket in the place of a damaged one. Throws `data_loss` when neither proves itself,
   * `unavailable` or the like when the bucket cannot be asked.
   */
  async read(row: LayerRow, folder: string): Promise<LayerIndex> {
    try {
      return await this.#prove(await readLocalIndex(folder, row.diffId), row);
    } catch (reason) {
      if (!isCodedError(reason, 'data_loss') && !isMissing(reason)) throw reason;
      return this.#heal(row, folder, reason);
    }
  }

  async #heal(row: LayerRow, folder: string, reason: unknown): Promise<LayerIndex> {
    const { log, counters, find } = this.#options;
    const { diffId } = row;
    counters.verificationFailures++;
    log.error('index is damaged, it is fetched again', { diffId, path: `${folder}/index`, error: reason });
    const index = await find(diffId, { signal: AbortSignal.timeout(FETCH_MS) });
    if (!index || row.claim === undefined) throw lost(diffId, reason);
    await this.#prove(index, row);
    counters.healed++;
    return writeLocalIndex(folder, index.head);
  }

  async #prove(index: LayerIndex, { diffId, claim, indexDigest }: LayerRow): Promise<LayerIndex> {
    if (indexDigest === index.digest) return index;
    const found = claimOf(index, await metadataDigest(index));
    // A layer of an earlier release has no claim yet.
    if (claim !== undefined && found !== claim) throw lost(diffId);
    this.#options.table.setIndex(diffId, { claim: found, indexDigest: index.digest });
    return index;
  }
}

function isMissing(reason: unknown): boolean {
  return (reason as NodeJS.ErrnoException).code === 'ENOENT';
}

function lost(diffId: Digest, cause?: unknown): CodedError {
  return new CodedError(
    'data_loss',
    `Cannot use index of layer ${diffId}: it is not that of the layer here`,
    {
      cure: 'Remove its images from this node, and pull them again',
      cause,
    },
  );
}
