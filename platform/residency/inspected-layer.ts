import type { LayerIndex } from '@lade/layers';
import type { SeenBlob } from './fill-mode.ts';
import type { LayerRow } from './layer-table.ts';

/** A layer as it is at this moment. */
export interface InspectedLayer {
  readonly row: LayerRow;
  readonly folder: string;
  /** Undefined for one that is not mounted, or was whole before its mount. */
  readonly served: SeenBlob | undefined;
  /** Whether every chunk is here. */
  readonly isWhole: boolean;
  /** Throws `data_loss` when it proves damaged, and cannot be had from the bucket. */
  readIndex(): Promise<LayerIndex>;
}
