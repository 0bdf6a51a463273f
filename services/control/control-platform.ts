import type {
  ConsoleLink,
  DaemonEvent,
  EventQuery,
  ImageSummary,
  LayerEvent,
  LayerFiles,
  LayerMap,
  LayerSummary,
  NodeGarbage,
  NodeGarbageRequest,
  NodeSummary,
  PullEvent,
  PullRequest,
  SnapshotSummary,
  Status,
  Trace,
  VerifyEvent,
} from '@lade/control-protocol';
import type { Digest } from '@lade/oci';
import type { BucketWork } from './bucket-work.ts';
import type { ContainerWork } from './container-work.ts';
import type { Metric } from './prometheus-text.ts';

interface WaitOptions {
  readonly signal: AbortSignal;
}

interface NamespaceOptions extends WaitOptions {
  /** containerd's; the platform has a default. */
  readonly namespace?: string;
}

/** The layers and snapshots of this node. Layers that it does not have are `not_found`. */
export interface LayerViews {
  layers(options: WaitOptions): Promise<readonly LayerSummary[]>;
  layerMap(diffId: Digest, options: WaitOptions): Promise<LayerMap>;
  layerFiles(diffId: Digest, options: WaitOptions): AsyncIterable<LayerFiles>;
  layerActivity(diffId: Digest, options: WaitOptions): AsyncIterable<LayerEvent>;
  /** Of any layer in the bucket. */
  trace(diffId: Digest, options: WaitOptions): Promise<Trace>;
  snapshots(): readonly SnapshotSummary[];
}

/** What the control API offers, as the daemon has to provide it. The signal aborts when the client has gone. */
export interface ControlPlatform extends LayerViews {
  readonly containers: ContainerWork;
  readonly bucket: BucketWork;
  status(options: WaitOptions): Promise<Status>;
  /** Throws `failed_precondition` where no HTTP is served. */
  console(): ConsoleLink;
  /** For Prometheus. */
  metrics(): Promise<readonly Metric[]>;
  /** The images that the bucket or containerd knows, by name; what the bucket knows may be `maxAgeMs` old, 0 where that is not said. */
  images(options: NamespaceOptions & { readonly maxAgeMs?: number }): Promise<readonly ImageSummary[]>;
  /** Removes an image from containerd; the bucket keeps it. */
  removeImage(image: string, options: NamespaceOptions): Promise<void>;
  /** containerd's namespaces, by name. Throws `unavailable` where no containerd is reached. */
  namespaces(options: WaitOptions): Promise<readonly string[]>;
  /** The nodes that share the bucket, by name. */
  nodes(options: WaitOptions): Promise<readonly NodeSummary[]>;
  /** Removes what nothing on this node needs, unless this is a dry run. */
  collectGarbage(request: NodeGarbageRequest, options: WaitOptions): Promise<NodeGarbage>;
  /** What has happened; with `follow` also what happens from now on, until the signal aborts. */
  events(query: EventQuery, options: WaitOptions): AsyncIterable<DaemonEvent>;
  /** Proves every layer against its diff id from the bucket alone. A layer that fails is an event; the others follow. */
  verify(image: string, options: WaitOptions): AsyncIterable<VerifyEvent>;
  /** Brings an image into containerd, from the bucket or its registry. */
  pull(request: PullRequest, options: WaitOptions): AsyncIterable<PullEvent>;
}
