import type { Digest } from '@lade/oci';

/** Which layer of an image, counted from 1 at the bottom. */
interface LayerPosition {
  readonly diffId: Digest;
  readonly number: number;
  readonly of: number;
}

/** What restoring an image from the bucket tells; `restored` is the last. */
export type RestoreEvent =
  | (LayerPosition & { readonly kind: 'fetching' | 'present' })
  | {
      readonly kind: 'restored';
      readonly name: string;
      readonly digest: Digest;
      readonly layers: number;
      readonly source: 'bucket' | 'registry';
      /** Of layers, from the registry, while this pull waited for them. */
      readonly downloadedBytes: number;
    };

/** What pulling an image tells. After `resolved`, all layers are told anew. */
export type PullEvent =
  | RestoreEvent
  | {
      readonly kind: 'resolved';
      readonly digest: Digest;
      readonly layers: number;
      readonly source: 'registry';
    }
  | (LayerPosition & { readonly kind: 'converting' })
  | (LayerPosition & { readonly kind: 'downloading'; readonly bytes: number; readonly totalBytes: number });
