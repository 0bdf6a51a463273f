export { matchesFilters, parseFilters, type FieldOf, type Filter } from './filter.ts';
export type { Mount } from './mount.ts';
export type {
  AgreedTerms,
  CommitListener,
  DirectoryAttributes,
  IdMapper,
  LayerMounts,
  RemoteLayers,
} from './ports.ts';
export { SNAPSHOT_REF, type Info, type Kind, type Labels, type Usage } from './snapshot.ts';
export { Snapshotter, type SnapshotterOptions } from './snapshotter.ts';
