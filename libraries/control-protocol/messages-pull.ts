import type { Digest } from '@lade/oci';

/** Which layer of an image, counted from 1 at the bottom. */
export interface LayerPosition {
  readonly diffId: Digest;
  readonly number: number;
  readonly of: number;
}

/** POST /v1/images/pull. */
export interface PullRequest {
  /** As docker writes it: python:3.13 is docker.io/library/python:3.13. */
  readonly image: string;
  /** containerd's. */
  readonly namespace?: string;
  readonly from?: 'any' | 'bucket' | 'registry';
  /** Speak HTTP with a registry that is not on this machine. */
  readonly plainHttp?: boolean;
}

/**
 * What POST /v1/images/pull tells: `resolved` when a registry was asked, then what happens to each layer, bottom first;
 * `restored` is the last. `traced`, after the first, names the trace of everything that this pull leads to.
 */
export type PullEvent =
  | { readonly kind: 'traced'; readonly traceId: string }
  | {
      readonly kind: 'resolved';
      readonly digest: Digest;
      readonly layers: number;
      readonly source: 'registry';
    }
  | (LayerPosition & { readonly kind: 'fetching' })
  | (LayerPosition & { readonly kind: 'present' })
  | (LayerPosition & { readonly kind: 'converting' })
  | (LayerPosition & { readonly kind: 'downloading'; readonly bytes: number; readonly totalBytes: number })
  | {
      readonly kind: 'restored';
      readonly name: string;
      readonly digest: Digest;
      readonly layers: number;
      readonly source?: 'bucket' | 'registry';
      /** Of layers, from the registry, while this pull waited for them. */
      readonly downloadedBytes?: number;
      /** So many of its layers the bucket still has to get from this node. */
      readonly layersToUpload?: number;
    };
