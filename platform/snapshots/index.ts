export type { Mount } from './mount.ts';
export type { PlainSnapshot } from './plain-snapshots.ts';
export type { SnapshotChanges } from './mounted-changes.ts';
export type {
  AgreedTerms,
  CommitListener,
  DirectoryAttributes,
  IdMapper,
  LayerMounts,
  LayersApart,
  RemoteLayers,
} from './ports.ts';
export { listSnapshots, listUsedLayers, type ListedSnapshot } from './list-snapshots.ts';
export {
  countLayerUsers,
  findSnapshotLevels,
  type SnapshotLevel,
  type SnapshotLevels,
} from './snapshot-levels.ts';
export { SNAPSHOT_REF, type Info, type Kind, type Usage } from './snapshot.ts';
export { Snapshotter, type SnapshotterOptions } from './snapshotter.ts';
