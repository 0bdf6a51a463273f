import { defineComponent } from 'vue';
import { RouterLink, useRoute } from 'vue-router';
import type { ImageSummary, LayerSummary } from '@lade/control-protocol';
import { fetchLayers } from '../../api/endpoints.ts';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { PageHead, Panel } from '../../components/panel.tsx';
import { Meter } from '../../components/meter.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { namesOf, useImages } from '../../composables/images.ts';
import { usePoll } from '../../composables/use-poll.ts';
import { formatBytes, formatPercent, shortDigest, shortImage } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { LayerView } from './layer-view.tsx';

const IMAGES_EVERY_MS = 60_000;

/** One layer, or the layers to choose from. */
export const LayerPage = defineComponent(() => {
  const route = useRoute();
  return () => {
    const diffId = String(route.params['diffId'] ?? '');
    return diffId === '' ? <LayerChoice /> : <LayerView key={diffId} diffId={diffId} />;
  };
});

const LayerChoice = defineComponent(() => {
  const { value: layers, error, refresh } = usePoll(fetchLayers, 5000);
  const { value: images } = useImages(IMAGES_EVERY_MS);
  return () => {
    const words = t().layer;
    return (
      <div class="page">
        <PageHead title={words.choose} subtitle={words.chooseText} />
        {error.value ? <ErrorNote error={error.value} onRetry={refresh} /> : null}
        {layers.value?.length === 0 ? (
          <EmptyNote icon="map" title={words.empty} text={words.emptyText} />
        ) : null}
        {layers.value && layers.value.length > 0 ? (
          <Panel title={t().words.layers} flush>
            <TableWrap label={t().words.layers}>
              <LayerTable layers={layers.value} images={images.value ?? []} />
            </TableWrap>
          </Panel>
        ) : null}
      </div>
    );
  };
});

function LayerTable({
  layers,
  images,
}: {
  readonly layers: readonly LayerSummary[];
  readonly images: readonly ImageSummary[];
}) {
  const [words, general] = [t().images, t().words];
  return (
    <table>
      <thead>
        <tr>
          <th>{general.layer}</th>
          <th class="number">{general.size}</th>
          <th>{words.resident}</th>
          <th>{words.title}</th>
        </tr>
      </thead>
      <tbody>
        {layers.map(({ diffId, blobBytes, residentBytes }) => (
          <tr key={diffId}>
            <td>
              <RouterLink to={`/layers/${diffId}`}>{() => <code>{shortDigest(diffId)}</code>}</RouterLink>
            </td>
            <td class="number">{formatBytes(blobBytes)}</td>
            <td class="resident-cell">
              <Meter part={residentBytes} whole={blobBytes} label={words.resident} />
              <span>{formatPercent(residentBytes, blobBytes)}</span>
            </td>
            <td class="break">{namesOf(images, diffId).map(shortImage).join(', ') || '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
LayerTable.props = ['layers', 'images'];
