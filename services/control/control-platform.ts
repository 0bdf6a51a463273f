import type { ImageSummary, LayerSummary, PullEvent, Status, VerifyEvent } from '@lade/control-protocol';
import type { ContainerWork } from './container-work.ts';

interface WaitOptions {
  readonly signal: AbortSignal;
}

/** What the control API offers, as the daemon has to provide it. The signal aborts when the client has gone. */
export interface ControlPlatform {
  readonly containers: ContainerWork;
  status(options: WaitOptions): Promise<Status>;
  /** The images that the bucket knows, by name. */
  images(options: WaitOptions): Promise<readonly ImageSummary[]>;
  /** The layers on this node. */
  layers(options: WaitOptions): Promise<readonly LayerSummary[]>;
  /** Proves every layer against its diff id from the bucket alone. A layer that fails is an event; the others follow. */
  verify(image: string, options: WaitOptions): AsyncIterable<VerifyEvent>;
  /** Brings an image that the bucket knows into containerd, without its registry. */
  pull(image: string, options: WaitOptions & { readonly namespace?: string }): AsyncIterable<PullEvent>;
}
