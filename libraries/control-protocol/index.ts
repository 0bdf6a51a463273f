export type { ContainerCalls } from './container-calls.ts';
export { ControlClient } from './control-client.ts';
export { controlSocketPath } from './control-socket-path.ts';
export { decodeError, encodeError, type WireError } from './wire-error.ts';
export type {
  BucketHealthState,
  BucketHealthStatus,
  BucketRequests,
  ConsoleLink,
  DaemonEvent,
  EventQuery,
  FillSource,
  ImageLayer,
  ImageSummary,
  LayerSummary,
  NodeSummary,
  RequestFigures,
  ResidencyStatus,
  Status,
  StreamFailure,
  VerifyEvent,
} from './messages.ts';
export type {
  BucketContents,
  BucketHistory,
  BucketKind,
  BucketObject,
  BucketObjects,
  GarbageEvent,
  GarbageRequest,
  GarbageTotals,
  HistoryQuery,
  NodeGarbage,
  NodeGarbageRequest,
} from './messages-bucket.ts';
export type {
  BindMount,
  ContainerState,
  ContainerSummary,
  ExecRequest,
  OutputEvent,
  RunEvent,
  RunRequest,
  TerminalSize,
} from './messages-containers.ts';
export type {
  LayerEvent,
  LayerFile,
  LayerFiles,
  LayerMap,
  SnapshotSummary,
  Trace,
  TraceChunk,
} from './messages-layers.ts';
export type { ContainerReads, FileRead, ReadFigures, Start, StartKind } from './messages-starts.ts';
export type { LayerPosition, PullEvent, PullRequest } from './messages-pull.ts';
