import type {
  DaemonEvent,
  EventQuery,
  ImageSummary,
  LayerSummary,
  NodeSummary,
  PullEvent,
  Status,
  StoredKind,
  VerifyEvent,
} from '@lade/control-protocol';

interface WaitOptions {
  readonly signal: AbortSignal;
}

/** What the control API offers, as the daemon has to provide it. The signal aborts when the client has gone. */
export interface ControlPlatform extends Reports, ImageWork {}

interface Reports {
  status(options: WaitOptions): Promise<Status>;
  /** The images that the bucket knows, by name. */
  images(options: WaitOptions): Promise<readonly ImageSummary[]>;
  /** The layers on this node. */
  layers(options: WaitOptions): Promise<readonly LayerSummary[]>;
  /** The nodes that share the bucket, by name. */
  nodes(options: WaitOptions): Promise<readonly NodeSummary[]>;
  /** What the bucket stores, by kind. Lists all of it. */
  stored(options: WaitOptions): Promise<readonly StoredKind[]>;
  /** What has happened; with `follow` also what happens from now on, until the signal aborts. */
  events(query: EventQuery, options: WaitOptions): AsyncIterable<DaemonEvent>;
}

interface ImageWork {
  /** Proves every layer against its diff id from the bucket alone. A layer that fails is an event; the others follow. */
  verify(image: string, options: WaitOptions): AsyncIterable<VerifyEvent>;
  /** Brings an image that the bucket knows into containerd, without its registry. */
  pull(image: string, options: WaitOptions & { readonly namespace?: string }): AsyncIterable<PullEvent>;
}
