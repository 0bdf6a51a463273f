import { HistoryTable } from '@lade/history';
import type { Digest } from '@lade/oci';
import {
  countLayerUsers,
  findSnapshotLevels,
  listSnapshots,
  type ListedSnapshot,
  type SnapshotLevels,
} from '@lade/snapshots';
import type { Database } from '@lade/sqlite';
import { StartTable } from '@lade/starts';

/** What the state database knows of snapshots, of what was started on them, and of the past of the bucket. */
export interface StateViews {
  readonly snapshots: () => readonly ListedSnapshot[];
  /** See findSnapshotLevels(). */
  readonly snapshotLevels: (namespace: string, key: string) => SnapshotLevels | undefined;
  /** See countLayerUsers(). */
  readonly layerUsers: () => ReadonlyMap<Digest, number>;
  readonly starts: StartTable;
  readonly past: HistoryTable;
}

export function openStateViews(db: Database): StateViews {
  return {
    snapshots: () => listSnapshots(db),
    snapshotLevels: (namespace, key) => findSnapshotLevels(db, namespace, key),
    layerUsers: () => countLayerUsers(db),
    starts: new StartTable(db),
    past: new HistoryTable(db),
  };
}
