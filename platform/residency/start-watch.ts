import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockBits } from '@lade/block-bits';

const LOOK_MS = 250;
/** Who has read so much of one layer reads data rather than programs, and is better off with all that the kernel reads ahead. */
const MUCH_BYTES = 64 << 20;

/** The first start of a container with a blob: from the first read on it should touch what it needs and no more. */
export class StartWatch {
  readonly #read = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();

  /** Resolves when somebody reads the blob. */
  get firstRead(): Promise<void> {
    return this.#read.promise;
  }

  /** Resolves `startMs` after the first read, when much has been read, or when somebody knows better. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Has the first read noticed, though all that it wants is here. */
  async follow({ markers, touched }: BlockBits, sizeBytes: number, startMs: number): Promise<void> {
    markers.set(0, sizeBytes);
    await this.#read.promise;
    markers.clear(0, sizeBytes);
    const endsAt = performance.now() + startMs;
    while (performance.now() < endsAt && touched.count(0, sizeBytes) < MUCH_BYTES)
      await sleep(Math.min(LOOK_MS, startMs), undefined, { ref: false });
    this.end();
  }

  noticeRead(): void {
    this.#read.resolve();
  }

  end(): void {
    this.#over.resolve();
  }
}
