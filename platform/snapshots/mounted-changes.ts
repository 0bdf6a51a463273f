import type { Digest } from '@lade/oci';
import type { Directories } from './directories.ts';
import { stackedDirectories, type Mount } from './mount.ts';
import type { LayerMounts } from './ports.ts';
import type { SnapshotQueries } from './snapshot-queries.ts';

/** What one snapshot has otherwise than its parent, as overlayfs keeps it. */
export interface SnapshotChanges {
  /** What is new, with whiteouts and opaque directories for what is gone. */
  readonly directory: string;
  /** Directories that lend their attributes to those of the same path in `directory`. */
  readonly correction: string | undefined;
  /** The converted layer that `directory` shows, whose files may not all be here. */
  readonly layer: Digest | undefined;
  /** Of the snapshots whose changes these are: one, or all that have the same converted layer. */
  readonly keys: readonly string[];
}

interface Parts {
  readonly queries: SnapshotQueries;
  readonly layers: Pick<LayerMounts, 'layerAt'>;
  readonly snapshots: Directories;
  readonly fixes: Directories;
}

/** Finds in mounts, which name only directories, the snapshot that they were made for. */
export class MountedChanges {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** See Snapshotter. */
  between(left: readonly Mount[], right: readonly Mount[]): SnapshotChanges | undefined {
    const [below, all] = [stackedDirectories(left), stackedDirectories(right)];
    if (!below || !all) return undefined;
    const lower = this.#isEmptyView(below) ? [] : below;
    const own = all.slice(0, all.length - lower.length);
    if (lower.some((directory, i) => directory !== all[own.length + i])) return undefined;
    const [top, next] = own;
    if (top === undefined || own.length > 2) return undefined;
    return next === undefined ? this.#ofContent(top) : this.#ofCorrected(top, next);
  }

  /** What a view without a parent shows. */
  #isEmptyView(stack: readonly string[]): boolean {
    const [only, ...others] = stack;
    if (only === undefined || others.length > 0) return false;
    const id = this.#parts.snapshots.idOf(only, 'fs');
    const row = id === undefined ? undefined : this.#parts.queries.byId(id);
    return row?.info.kind === 'view' && row.parentId === undefined;
  }

  #ofContent(directory: string): SnapshotChanges | undefined {
    const { queries, layers, snapshots } = this.#parts;
    const layer = layers.layerAt(directory);
    const keys = layer ? queries.keysOf(layer) : [];
    if (layer) return keys.length > 0 ? { directory, correction: undefined, layer, keys } : undefined;
    const id = snapshots.idOf(directory, 'fs');
    const row = id === undefined ? undefined : queries.byId(id);
    // A layer that was attached has taken the place of the directory.
    if (!row || row.diffId || row.info.kind === 'view') return undefined;
    return { directory, correction: undefined, layer: undefined, keys: [row.info.name] };
  }

  #ofCorrected(correction: string, directory: string): SnapshotChanges | undefined {
    const { queries, layers, fixes } = this.#parts;
    const id = fixes.idOf(correction);
    const row = id === undefined ? undefined : queries.byId(id);
    const layer = layers.layerAt(directory);
    if (!row || !layer || row.diffId !== layer) return undefined;
    return { directory, correction, layer, keys: [row.info.name] };
  }
}
