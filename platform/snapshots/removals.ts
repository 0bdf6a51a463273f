import type { Directories } from './directories.ts';
import type { DiskRecords } from './disk-records.ts';
import type { MappedDirectories } from './mapped-directories.ts';

export interface RemovalsParts {
  readonly records: DiskRecords;
  readonly snapshots: Directories;
  readonly fixes: Directories;
  readonly mapped: MappedDirectories | undefined;
}

/** Takes from the disk, one after the other, what the database does not have there. */
export class Removals {
  readonly #parts: RemovalsParts;
  readonly #closing = new AbortController();
  #removals: Promise<void> = Promise.resolve();

  constructor(parts: RemovalsParts) {
    this.#parts = parts;
  }

  /** Removes the directories of a number that its row, if there still is one, does not own. */
  later(id: number): void {
    const { records, snapshots, fixes, mapped } = this.#parts;
    const removal = this.#inTurn(async () => {
      if (this.#closing.signal.aborted) return;
      if (!records.isMapped(id)) await mapped?.remove(id);
      if (!records.ownsContent(id)) await snapshots.remove(id);
      if (!records.ownsCorrection(id)) await fixes.remove(id);
    });
    // sweep() meets again what could not be removed, and reports it.
    removal.catch(() => undefined);
  }

  async sweep(options: { readonly signal?: AbortSignal }): Promise<void> {
    const { records, snapshots, fixes, mapped } = this.#parts;
    const { signal: closing } = this.#closing;
    const signal = options.signal ? AbortSignal.any([options.signal, closing]) : closing;
    await this.#inTurn(async () => {
      await mapped?.sweep((id) => records.isMapped(id));
      await snapshots.sweep((id) => records.ownsContent(id), { signal });
      await fixes.sweep((id) => records.ownsCorrection(id), { signal });
    });
  }

  /** What has not begun by now is left to the next start. */
  close(): void {
    this.#closing.abort();
  }

  async settled(): Promise<void> {
    await this.#removals;
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#removals.then(work);
    this.#removals = result.catch(() => undefined);
    return result;
  }
}
