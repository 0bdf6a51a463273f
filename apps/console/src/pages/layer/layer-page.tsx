import { defineComponent } from 'vue';
import { RouterLink, useRoute } from 'vue-router';
import { fetchLayers } from '../../api/endpoints.ts';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { PageHead, Panel } from '../../components/panel.tsx';
import { usePoll } from '../../composables/use-poll.ts';
import { formatBytes, shortDigest } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { LayerView } from './layer-view.tsx';

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
            <ul class="link-list">
              {layers.value.map(({ diffId, blobBytes }) => (
                <li key={diffId}>
                  <RouterLink to={`/layers/${diffId}`}>
                    {() => [<code>{shortDigest(diffId)}</code>, <span>{formatBytes(blobBytes)}</span>]}
                  </RouterLink>
                </li>
              ))}
            </ul>
          </Panel>
        ) : null}
      </div>
    );
  };
});
