import { join } from 'node:path';
import { CodedError, wrapError } from '@lade/errors';
import { SharedCalls } from '@lade/streams';
import type { Digest } from '@lade/oci';
import type { Directories } from './directories.ts';
import type { DiskRecords } from './disk-records.ts';
import { findCorrections, writeCorrections } from './implied-directories.ts';
import type { DirectoryAttributes, LayerMounts } from './ports.ts';
import type { SnapshotRow } from './snapshot-row.ts';
import { requireFewLayers, requireStackable } from './stack-limits.ts';

interface Options {
  readonly signal?: AbortSignal;
}

export interface LowerDirectoriesParts {
  readonly layers: LayerMounts;
  readonly attributes: DirectoryAttributes;
  readonly records: DiskRecords;
  readonly snapshots: Directories;
  readonly fixes: Directories;
  /** What overlay mounts have beside their directories. */
  readonly overlayOptions: readonly string[];
  /** Ids of the snapshots whose directory is gone. */
  readonly missing: ReadonlySet<number>;
}

/** Turns a chain of snapshots into the directories that an overlay mount stacks. */
export class LowerDirectories {
  readonly #parts: LowerDirectoriesParts;
  readonly #corrections = new SharedCalls<boolean>();

  constructor(parts: LowerDirectoriesParts) {
    this.#parts = parts;
  }

  /**
   * The directories of `chain` (both top first): its layers, mounted in parallel, each with its correction directly
   * above it where it needs one. Throws `data_loss` for a snapshot whose directory is gone, `failed_precondition` for more
   * than one overlay mount can stack.
   */
  async resolve(chain: readonly SnapshotRow[], options: Options): Promise<string[]> {
    const name = chain[0]?.info.name ?? '';
    requireFewLayers(name, chain.length);
    const contents = await Promise.all(chain.map(async (row) => this.#contentOf(row, options)));
    const stack: string[] = [];
    for (const row of chain.toReversed()) {
      stack.unshift(...contents.splice(-1));
      if (await this.#isCorrected(row, stack, options)) stack.unshift(this.#parts.fixes.path(row.id));
    }
    if (stack.length > 1) requireStackable(name, stack, this.#otherOptions());
    return stack;
  }

  /** The directory that is the content of a snapshot without a layer; throws `data_loss` when it is gone. */
  plainContent({ id, info }: SnapshotRow): string {
    if (!this.#parts.missing.has(id)) return join(this.#parts.snapshots.path(id), 'fs');
    throw new CodedError('data_loss', `Cannot use snapshot ${info.name}: its directory is gone`, {
      cure: 'Remove it and what was made from it, and pull or create it again',
    });
  }

  /** As long as those of a snapshot to come can be. */
  #otherOptions(): string[] {
    const { snapshots, overlayOptions } = this.#parts;
    const directory = snapshots.path(Number.MAX_SAFE_INTEGER);
    return [...overlayOptions, `workdir=${directory}/work`, `upperdir=${directory}/fs`];
  }

  async #contentOf(row: SnapshotRow, options: Options): Promise<string> {
    const { info, diffId } = row;
    if (diffId === undefined) return this.plainContent(row);
    try {
      return await this.#parts.layers.mount(diffId, options);
    } catch (reason) {
      throw wrapError(reason, `Cannot mount layer ${diffId} of snapshot ${info.name}`);
    }
  }

  async #isCorrected(row: SnapshotRow, stack: readonly string[], options: Options): Promise<boolean> {
    const { id, diffId, corrected } = row;
    if (diffId === undefined || stack.length === 1) return false;
    if (corrected !== undefined) return corrected;
    return this.#corrections.run(
      String(id),
      async (signal) => this.#correct(id, diffId, [...stack], signal),
      options,
    );
  }

  /** Makes the correction of a layer, once: afterwards the database knows whether there is one. */
  async #correct(
    id: number,
    diffId: Digest,
    stack: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { layers, attributes, records, fixes } = this.#parts;
    // Whoever read its row before the last run ended asks again; what is in use must not be replaced.
    if (records.ownsCorrection(id)) return true;
    const corrections = await findCorrections(await layers.impliedDirectories(diffId), stack, attributes);
    if (corrections.size === 0) {
      records.setCorrected(id, false);
      return false;
    }
    await using directory = fixes.create();
    await writeCorrections(directory.path, corrections, stack[0] ?? '', attributes);
    signal.throwIfAborted();
    directory.place(id);
    if (records.setCorrected(id, true)) directory.keep();
    return true;
  }
}
