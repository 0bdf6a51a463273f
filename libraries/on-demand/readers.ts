import { readCgroup } from '@lade/linux';

/** A process may change its control group, and its number may be another one's after it. */
const KNOWN_MS = 1_000;
const MAX_PROCESSES = 1_024;

/** Whose processes are reading: control groups by process, looked up once a second for each that asks. */
export class Readers {
  readonly #known = new Map<number, { readonly reader: string; readonly until: number }>();
  readonly #now: () => number;

  constructor(now = (): number => performance.now()) {
    this.#now = now;
  }

  /** To be asked while the process waits: it may be gone afterwards. '' where its group cannot be told. */
  readerOf(pid: number): string {
    if (pid === 0) return '';
    const now = this.#now();
    const known = this.#known.get(pid);
    if (known && now < known.until) return known.reader;
    if (this.#known.size >= MAX_PROCESSES) this.#known.clear();
    const reader = readCgroup(pid) ?? '';
    this.#known.set(pid, { reader, until: now + KNOWN_MS });
    return reader;
  }
}
