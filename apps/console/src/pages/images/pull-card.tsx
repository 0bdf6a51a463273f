import type { FunctionalComponent } from 'vue';
import type { LayerSummary } from '@lade/control-protocol';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { Meter } from '../../components/meter.tsx';
import { Panel } from '../../components/panel.tsx';
import { formatBytes, shortDigest } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import type { LayerProgress } from './pull-progress.ts';
import { dismissPull, type Pull } from './pulls.ts';

interface PullCardProps {
  readonly pull: Pull;
  /** Of this node: they tell what has reached the bucket. */
  readonly known: readonly LayerSummary[];
}

/** A pull and each of its layers, while it runs and until it is dismissed. */
export const PullCard: FunctionalComponent<PullCardProps> = ({ pull, known }) => {
  const stored = new Set<string>(known.filter(({ uploaded }) => uploaded).map(({ diffId }) => diffId));
  const words = t().images;
  const { layers, fromRegistry, restored } = pull.progress.value;
  const error = pull.error.value;
  const ended = restored !== undefined || error !== undefined;
  return (
    <Panel title={restored === undefined ? words.pulling(pull.image) : words.pulled(restored)} flush>
      {{
        actions: () => (
          <button type="button" class="button" onClick={() => (ended ? dismissPull(pull) : pull.stop())}>
            <Icon name={ended ? 'close' : 'stop'} />
            {ended ? words.dismiss : words.stop}
          </button>
        ),
        default: () => [
          error ? (
            <div class="pad">
              <ErrorNote error={error} />
            </div>
          ) : (
            <p class="pull-note" role="status">
              {noteOf(layers, fromRegistry, restored)}
            </p>
          ),
          <ol class="pull-layers">
            {layers.map((layer, i) => (
              <PullLayer
                key={i}
                layer={layer}
                number={i + 1}
                isStored={fromRegistry && stored.has(layer.diffId ?? '')}
              />
            ))}
          </ol>,
        ],
      }}
    </Panel>
  );
};
PullCard.props = ['pull', 'known'];

function noteOf(
  layers: readonly LayerProgress[],
  fromRegistry: boolean,
  restored: string | undefined,
): string {
  const words = t().images;
  if (fromRegistry) return words.resolved(layers.length);
  if (restored !== undefined) return words.pulledFromBucket;
  return layers.length === 0 ? words.resolving : words.steps.fetching;
}

const PARTS = { waiting: 0, fetching: 0.5, converting: 0.95, present: 1, stored: 1 } as const;

interface PullLayerProps {
  readonly layer: LayerProgress;
  readonly number: number;
  readonly isStored: boolean;
}

function PullLayer({ layer, number, isStored }: PullLayerProps) {
  const words = t();
  const { diffId, bytes, totalBytes } = layer;
  const step = isStored && layer.step === 'present' ? 'stored' : layer.step;
  const part = step === 'downloading' ? (bytes / Math.max(1, totalBytes)) * 0.9 : PARTS[step];
  return (
    <li class={`pull-layer step-${step}`}>
      <span class="quiet">{number}</span>
      <code>{diffId === undefined ? '' : shortDigest(diffId)}</code>
      <Meter part={part} whole={1} label={`${words.words.layer} ${number}`} />
      <span class="pull-step">{words.images.steps[step]}</span>
      <span class="number quiet">
        {totalBytes === 0
          ? ''
          : step === 'downloading'
            ? `${formatBytes(bytes)} / ${formatBytes(totalBytes)}`
            : formatBytes(totalBytes)}
      </span>
    </li>
  );
}
PullLayer.props = ['layer', 'number', 'isStored'];
