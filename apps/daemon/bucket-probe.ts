import type { Bucket, BucketCondition, BucketHealth } from '@lade/bucket';
import { collectBytes, orAbort } from '@lade/streams';

/** What has happened since is news enough. */
const FRESH_MS = 60_000;
/** Between two questions, whoever asks how often. */
const PAUSE_MS = 60_000;
const PATIENCE_MS = 5_000;

/** Asks a bucket for a byte when somebody wants to know its condition and nothing else has lately been heard of it. */
export class BucketProbe {
  readonly #bucket: Bucket;
  readonly #health: BucketHealth;
  readonly #key: string;
  readonly #elapsed: () => number;
  #askedMs = -Infinity;
  #asking: Promise<void> | undefined;

  /** The key is that of an object that should be there: not every bucket tells everybody a missing one from a forbidden one. */
  constructor(bucket: Bucket, health: BucketHealth, key: string, elapsed = () => performance.now()) {
    this.#bucket = bucket;
    this.#health = health;
    this.#key = key;
    this.#elapsed = elapsed;
  }

  /** As of now, or, where the answer takes longer than the signal lets it, as of before. */
  async condition(signal: AbortSignal): Promise<BucketCondition> {
    const isDue = this.#elapsed() >= this.#askedMs + PAUSE_MS;
    if (isDue && !isFresh(this.#health.condition)) {
      this.#askedMs = this.#elapsed();
      this.#asking = this.#ask();
    }
    await orAbort(this.#asking ?? Promise.resolve(), signal).catch(() => {});
    return this.#health.condition;
  }

  /** The health hears what comes of it. */
  async #ask(): Promise<void> {
    try {
      const asked = { length: 1, signal: AbortSignal.timeout(PATIENCE_MS) };
      await collectBytes((await this.#bucket.get(this.#key, asked)).body, 1);
    } catch {
      // Nobody needs the byte.
    }
  }
}

function isFresh({ state, lastSuccessAt }: BucketCondition): boolean {
  return state === 'healthy' && Date.now() - (lastSuccessAt?.getTime() ?? 0) < FRESH_MS;
}
