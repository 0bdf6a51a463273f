import { join } from 'node:path';
import type { Directories } from './directories.ts';
import type { LowerDirectories } from './lower-directories.ts';
import type { MappedDirectories } from './mapped-directories.ts';
import { readOnlyMounts, writableMounts, type Mount } from './mount.ts';
import type { SnapshotRow } from './snapshot-row.ts';

export interface SnapshotMountsOptions {
  readonly snapshots: Directories;
  readonly lower: LowerDirectories;
  readonly mapped: MappedDirectories | undefined;
  readonly overlayOptions: readonly string[];
  /** Holds nothing, ever. */
  readonly empty: string;
}

/** How containerd mounts active snapshots and views. */
export class SnapshotMounts {
  readonly #options: SnapshotMountsOptions;

  constructor(options: SnapshotMountsOptions) {
    this.#options = options;
  }

  /** `directories` are those below it, top first, or all of it when its content is a layer. */
  async of(row: SnapshotRow, directories: readonly string[]): Promise<Mount[]> {
    const { snapshots, lower, overlayOptions, empty } = this.#options;
    const below = await this.#mapped(row, directories);
    if (row.diffId || (row.info.kind === 'view' && below.length > 0))
      return readOnlyMounts(below, overlayOptions);
    const content = lower.plainContent(row);
    if (row.info.kind === 'view') return readOnlyMounts([content], overlayOptions);
    // Over a bind mount containerd's differ would carry out the whiteouts that are for a parent to come, instead of keeping them.
    const stack = below.length === 0 && row.isApart ? [empty] : below;
    return writableMounts(content, join(snapshots.path(row.id), 'work'), stack, overlayOptions);
  }

  async #mapped({ id, idMapping }: SnapshotRow, directories: readonly string[]): Promise<readonly string[]> {
    const { mapped } = this.#options;
    if (!mapped || !idMapping || directories.length === 0) return directories;
    return mapped.mount(id, directories, idMapping);
  }
}
