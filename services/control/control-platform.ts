import type {
  ImageSummary,
  LayerSummary,
  PullEvent,
  PullRequest,
  Status,
  VerifyEvent,
} from '@lade/control-protocol';
import type { ContainerWork } from './container-work.ts';

interface WaitOptions {
  readonly signal: AbortSignal;
}

interface NamespaceOptions extends WaitOptions {
  /** containerd's; the platform has a default. */
  readonly namespace?: string;
}

/** What the control API offers, as the daemon has to provide it. The signal aborts when the client has gone. */
export interface ControlPlatform {
  readonly containers: ContainerWork;
  status(options: WaitOptions): Promise<Status>;
  /** The images that the bucket or containerd knows, by name. */
  images(options: NamespaceOptions): Promise<readonly ImageSummary[]>;
  /** Removes an image from containerd; the bucket keeps it. */
  removeImage(image: string, options: NamespaceOptions): Promise<void>;
  /** The layers on this node. */
  layers(options: WaitOptions): Promise<readonly LayerSummary[]>;
  /** Proves every layer against its diff id from the bucket alone. A layer that fails is an event; the others follow. */
  verify(image: string, options: WaitOptions): AsyncIterable<VerifyEvent>;
  /** Brings an image into containerd, from the bucket or its registry. */
  pull(request: PullRequest, options: WaitOptions): AsyncIterable<PullEvent>;
}
