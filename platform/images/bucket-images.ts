import type { Bucket } from '@lade/bucket';
import type { Logger } from '@lade/log';
import type { ImageRecord } from './image-record.ts';
import { listImages, type KnownRecords } from './list-images.ts';

interface Remembered {
  readonly records: readonly ImageRecord[];
  /** When the bucket was asked: milliseconds, as performance.now(). */
  readonly at: number;
}

/** The images that the bucket knows, remembered: to list them costs a request, and who looks at them looks again and again. */
export class BucketImages {
  readonly #bucket: Bucket;
  readonly #log: Logger;
  readonly #known: KnownRecords = new Map();
  #last: Remembered | undefined;
  #changes = 0;

  constructor(bucket: Bucket, log: Logger) {
    this.#bucket = bucket;
    this.#log = log;
  }

  /** By name, as the bucket had them `maxAgeMs` ago at most, or later. */
  async list(options: {
    readonly maxAgeMs: number;
    readonly signal?: AbortSignal;
  }): Promise<readonly ImageRecord[]> {
    const { maxAgeMs, ...waiting } = options;
    const [at, changes] = [performance.now(), this.#changes];
    if (this.#last && at - this.#last.at < maxAgeMs) return this.#last.records;
    const records = await listImages(this.#bucket, { log: this.#log, known: this.#known, ...waiting });
    if (changes === this.#changes) this.#last = { records, at };
    return records;
  }

  /** This node has published or removed one. */
  changed(): void {
    this.#changes++;
    this.#last = undefined;
  }
}
