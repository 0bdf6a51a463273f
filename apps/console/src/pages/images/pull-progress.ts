import type { PullEvent } from '@lade/control-protocol';

type LayerStep = 'waiting' | 'fetching' | 'downloading' | 'converting' | 'present';

export interface LayerProgress {
  readonly diffId: string | undefined;
  readonly step: LayerStep;
  /** Of the download; 0 where there is none. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** How far a pull is. */
export interface PullProgress {
  /** Bottom layer first. */
  readonly layers: readonly LayerProgress[];
  /** Whether a registry was asked. */
  readonly fromRegistry: boolean;
  /** What the image is called in full, once it is here. */
  readonly restored: string | undefined;
}

export const NOTHING_YET: PullProgress = { layers: [], fromRegistry: false, restored: undefined };

const WAITING: LayerProgress = { diffId: undefined, step: 'waiting', bytes: 0, totalBytes: 0 };

export function advance(progress: PullProgress, event: PullEvent): PullProgress {
  const { layers } = progress;
  if (event.kind === 'traced') return progress;
  if (event.kind === 'resolved')
    return { ...progress, fromRegistry: true, layers: resize(layers, event.layers) };
  if (event.kind === 'restored') {
    return {
      ...progress,
      restored: event.name,
      layers: layers.map((layer) => ({ ...layer, step: 'present' })),
    };
  }
  if (event.kind !== 'downloading')
    return { ...progress, layers: replace(layers, event, { step: event.kind }) };
  const { bytes, totalBytes } = event;
  return { ...progress, layers: replace(layers, event, { step: event.kind, bytes, totalBytes }) };
}

function replace(
  layers: readonly LayerProgress[],
  { diffId, number, of }: { readonly diffId: string; readonly number: number; readonly of: number },
  change: Partial<LayerProgress>,
): readonly LayerProgress[] {
  return resize(layers, of).map((layer, i) => (i === number - 1 ? { ...layer, diffId, ...change } : layer));
}

function resize(layers: readonly LayerProgress[], count: number): readonly LayerProgress[] {
  return Array.from({ length: count }, (_, i) => layers[i] ?? WAITING);
}
