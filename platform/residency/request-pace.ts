const SAMPLES = 128;
/** Until so many requests were seen, a request is slow when it takes this long. */
const FIRST_SAMPLES = 16;
const FIRST_SLOW_MS = 1000;
/** Of all requests at most one in so many is a second one. */
const SHARE = 10;

/** Tells when a request is slow, by how long the last ones took, and whether a second one may be made. */
export class RequestPace {
  readonly #samplesMs: number[] = [];
  readonly #minSlowMs: number;
  #seen = 0;
  #requests = 0;
  #hedges = 0;

  constructor(minSlowMs: number) {
    this.#minSlowMs = minSlowMs;
  }

  /** How long the first answer to a request took. */
  record(ms: number): void {
    this.#samplesMs[this.#seen++ % SAMPLES] = ms;
  }

  countRequest(): void {
    this.#requests++;
  }

  /** The 95th percentile of late. */
  get slowMs(): number {
    if (this.#seen < FIRST_SAMPLES) return Math.max(FIRST_SLOW_MS, this.#minSlowMs);
    const sorted = this.#samplesMs.toSorted((a, b) => a - b);
    return Math.max(sorted[Math.floor(sorted.length * 0.95)] ?? 0, this.#minSlowMs);
  }

  /** True, and counted, if a second request stays within its share. */
  takeHedge(): boolean {
    if (this.#hedges >= Math.max(1, this.#requests / SHARE)) return false;
    this.#hedges++;
    return true;
  }
}
