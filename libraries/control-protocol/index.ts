export { ControlClient } from './control-client.ts';
export { controlSocketPath } from './control-socket-path.ts';
export { decodeError, encodeError, type WireError } from './wire-error.ts';
export type {
  BucketRequests,
  DaemonEvent,
  EventQuery,
  ImageLayer,
  ImageSummary,
  LayerSummary,
  NodeSummary,
  PullEvent,
  RequestFigures,
  ResidencyStatus,
  Status,
  StoredKind,
  StreamFailure,
  VerifyEvent,
} from './messages.ts';
