import type { Reading } from './messages.ts';

/** Runs of reads, each joined where it goes on. */
const MAX_READINGS = 128;
const KEEP_MS = 100;

/** Reads that did not have to wait, kept back for a moment so that telling them costs the readers nothing. */
export class Readings {
  readonly #tell: (readings: readonly Reading[]) => void;
  #kept: Reading[] = [];
  #since = 0;

  constructor(tell: (readings: readonly Reading[]) => void) {
    this.#tell = tell;
  }

  /** After how long they should be told; undefined: there are none. */
  get dueMs(): number | undefined {
    return this.#kept.length === 0 ? undefined : KEEP_MS;
  }

  add(number: number, offset: number, length: number, reader: string): void {
    const last = this.#kept.at(-1);
    if (last?.number === number && last.reader === reader && last.offset + last.length === offset) {
      last.length += length;
      last.requests++;
      return;
    }
    if (this.#kept.length === MAX_READINGS) this.flush();
    if (this.#kept.length === 0) this.#since = performance.now();
    this.#kept.push({ number, reader, offset, length, requests: 1 });
  }

  flushDue(): void {
    if (this.#kept.length > 0 && performance.now() - this.#since >= KEEP_MS) this.flush();
  }

  flush(): void {
    if (this.#kept.length > 0) this.#tell(this.#kept);
    this.#kept = [];
  }
}
