import type { Reading } from './messages.ts';

/** Runs of reads, each joined where it goes on. */
const MAX_READINGS = 128;

export interface ReadingsPorts {
  /** There is something to be told; flush() is called a while later. */
  readonly begun: () => void;
  readonly tell: (readings: readonly Reading[]) => void;
}

/** Reads that did not have to wait, kept back for a moment so that telling them costs the readers nothing. */
export class Readings {
  readonly #ports: ReadingsPorts;
  #kept: Reading[] = [];
  #isAwaited = false;

  constructor(ports: ReadingsPorts) {
    this.#ports = ports;
  }

  add(number: number, offset: number, length: number, reader: string): void {
    const last = this.#kept.at(-1);
    if (last?.number === number && last.reader === reader && last.offset + last.length === offset) {
      last.length += length;
      last.requests++;
      return;
    }
    if (this.#kept.length === MAX_READINGS) this.#tell();
    this.#kept.push({ number, reader, offset, length, requests: 1 });
    if (!this.#isAwaited) this.#ports.begun();
    this.#isAwaited = true;
  }

  flush(): void {
    this.#isAwaited = false;
    this.#tell();
  }

  #tell(): void {
    if (this.#kept.length > 0) this.#ports.tell(this.#kept);
    this.#kept = [];
  }
}
