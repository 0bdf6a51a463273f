export type { RequestOptions } from './connection.ts';
export { ContainerdClient, type ContainerdCalls, type OpenOptions } from './containerd-client.ts';
export type { Container, ContainerRecord, ContainersClient } from './containers-client.ts';
export type {
  ByteSourceFrom,
  ContentClient,
  ContentInfo,
  PutOptions,
  ReadOptions,
} from './content-client.ts';
export type { CompareOptions, DiffClient } from './diff-client.ts';
export type { ContainerdEvent, EventsClient } from './events-client.ts';
export type { Image, ImageRecord, ImagesClient } from './images-client.ts';
export type { IntrospectionClient, Plugin } from './introspection-client.ts';
export type { Lease, LeaseOptions, LeasesClient } from './leases-client.ts';
export type { Namespace, NamespacesClient } from './namespaces-client.ts';
export type { SnapshotInfo, SnapshotOptions, SnapshotUsage, SnapshotsClient } from './snapshots-client.ts';
export type { CreateTaskOptions, ExecOptions, Streams, Task, TaskExit, TasksClient } from './tasks-client.ts';
export { ingestOf } from './write-content.ts';
export type { Labels, Mount } from './translate.ts';
