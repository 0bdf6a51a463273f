import type { ChunkTable } from '@lade/layers';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { ResidencyCounters } from './residency-counters.ts';

interface DamagedBlob {
  readonly diffId: Digest;
  readonly path: string;
  readonly table: ChunkTable;
}

/** What is wrong with one blob: counts it, and names it in the log without filling it. */
export class BlobDamage {
  readonly #blob: DamagedBlob;
  readonly #counters: ResidencyCounters;
  readonly #log: Logger;
  /** The file has wrong bytes for them, so far. */
  readonly #damaged = new Set<number>();
  /** Told in the log. */
  readonly #lost = new Set<number>();
  #isTold = false;

  constructor(
    blob: DamagedBlob,
    { counters, log }: { readonly counters: ResidencyCounters; readonly log: Logger },
  ) {
    this.#blob = blob;
    this.#counters = counters;
    this.#log = log;
  }

  /** The file has other bytes than it should. The log gets the first such chunk. */
  found(number: number): void {
    this.#counters.verificationFailures++;
    this.#damaged.add(number);
    if (this.#isTold) return;
    this.#isTold = true;
    const { diffId, path, table } = this.#blob;
    const offset = table.offsetOf(number);
    this.#log.error('blob is damaged, what is wrong in it is brought again', { diffId, path, offset });
  }

  /** The chunk is what it should be. */
  mended(number: number): void {
    if (this.#damaged.delete(number)) this.#counters.healed++;
  }

  /** There is no good copy of the chunk. The log gets it once. */
  lost(number: number, error: unknown): void {
    if (this.#lost.has(number)) return;
    this.#lost.add(number);
    this.#log.error('chunk is lost', { diffId: this.#blob.diffId, number, error });
  }
}
