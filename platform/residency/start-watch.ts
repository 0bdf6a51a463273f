import type { BlockBits } from '@lade/block-bits';

/** The first start of a container with a blob: from the first read on it should touch what it needs and no more. */
export class StartWatch {
  readonly #read = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();

  /** Resolves when somebody reads the blob. */
  get firstRead(): Promise<void> {
    return this.#read.promise;
  }

  /** Resolves `startMs` after the first read, or when somebody knows better. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Has the first read noticed, though all that it wants is here. */
  async follow({ markers }: BlockBits, sizeBytes: number, startMs: number): Promise<void> {
    markers.set(0, sizeBytes);
    await this.#read.promise;
    markers.clear(0, sizeBytes);
    setTimeout(() => this.end(), startMs).unref();
  }

  noticeRead(): void {
    this.#read.resolve();
  }

  end(): void {
    this.#over.resolve();
  }
}
