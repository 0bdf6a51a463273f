// Messages that several services share, and those that travel inside events. Each service has its own entry: './snapshots' …
export { DescriptorSchema, type Descriptor } from './generated/containerd/types/descriptor_pb.ts';
export { EnvelopeSchema, type Envelope } from './generated/containerd/types/event_pb.ts';
export { MetricSchema, type Metric } from './generated/containerd/types/metrics_pb.ts';
export { MountSchema, type Mount } from './generated/containerd/types/mount_pb.ts';
export { PlatformSchema, type Platform } from './generated/containerd/types/platform_pb.ts';
export { ProcessSchema, Status, type Process } from './generated/containerd/types/task/task_pb.ts';
export { file_containerd_events_container } from './generated/containerd/events/container_pb.ts';
export {
  ContentCreateSchema,
  ContentDeleteSchema,
  file_containerd_events_content,
  type ContentCreate,
  type ContentDelete,
} from './generated/containerd/events/content_pb.ts';
export {
  file_containerd_events_image,
  ImageCreateSchema,
  ImageDeleteSchema,
  ImageUpdateSchema,
  type ImageCreate,
  type ImageDelete,
  type ImageUpdate,
} from './generated/containerd/events/image_pb.ts';
export { file_containerd_events_namespace } from './generated/containerd/events/namespace_pb.ts';
export {
  file_containerd_events_snapshot,
  SnapshotCommitSchema,
  SnapshotPrepareSchema,
  SnapshotRemoveSchema,
  type SnapshotCommit,
  type SnapshotPrepare,
  type SnapshotRemove,
} from './generated/containerd/events/snapshot_pb.ts';
export {
  file_containerd_events_task,
  TaskExitSchema,
  type TaskExit,
} from './generated/containerd/events/task_pb.ts';
