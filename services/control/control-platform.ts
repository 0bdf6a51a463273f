import type {
  ImageSummary,
  LayerEvent,
  LayerMap,
  LayerSummary,
  PullEvent,
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

/** The layers and snapshots of this node. Layers that it does not have are `not_found`. */
export interface LayerViews {
  layers(options: WaitOptions): Promise<readonly LayerSummary[]>;
  layerMap(diffId: Digest, options: WaitOptions): Promise<LayerMap>;
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
  /** For Prometheus. */
  metrics(): Promise<readonly Metric[]>;
  /** The images that the bucket knows, by name. */
  images(options: WaitOptions): Promise<readonly ImageSummary[]>;
  /** Proves every layer against its diff id from the bucket alone. A layer that fails is an event; the others follow. */
  verify(image: string, options: WaitOptions): AsyncIterable<VerifyEvent>;
  /** Brings an image that the bucket knows into containerd, without its registry. */
  pull(image: string, options: WaitOptions & { readonly namespace?: string }): AsyncIterable<PullEvent>;
}
