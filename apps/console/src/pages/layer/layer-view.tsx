import { defineComponent, onScopeDispose, ref, shallowRef, watch } from 'vue';
import { RouterLink } from 'vue-router';
import type { LayerEvent } from '@lade/control-protocol';
import { fetchLayerFiles, fetchLayerMap, fetchTrace } from '../../api/endpoints.ts';
import { Badge } from '../../components/badge.tsx';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { Meter } from '../../components/meter.tsx';
import { PageHead, Panel } from '../../components/panel.tsx';
import { namesOf, useImages } from '../../composables/images.ts';
import { useFollow } from '../../composables/use-follow.ts';
import { useFrame } from '../../composables/use-frame.ts';
import { usePoll } from '../../composables/use-poll.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  shortDigest,
  shortImage,
} from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import {
  countResident,
  decodeMap,
  EVICTED,
  RESIDENT,
  type ChunkTable,
  type Residency,
} from './decode-map.ts';
import type { HeatMap } from './heat-map.ts';
import { replayTrace } from './replay-trace.ts';
import { ResidencyMap } from './residency-map.tsx';
import { TraceLine } from './trace-line.tsx';

/** The map of one layer, kept up to date by what happens to it. */
export const LayerView = defineComponent(
  (props: { readonly diffId: string }) => {
    const layer = usePoll(async (options) => decodeMap(await fetchLayerMap(props.diffId, options)), 0);
    const files = usePoll(async (options) => fetchLayerFiles(props.diffId, options), 0);
    const images = useImages(0);
    const trace = usePoll(async (options) => fetchTrace(props.diffId, options), 0);
    const residency = shallowRef<Residency>({ chunks: 0, bytes: 0 });
    const [waits, waitMs] = [ref(0), ref(0)];
    const readsSeen = ref(true);
    const replay = new AbortController();
    onScopeDispose(() => replay.abort());
    let map: HeatMap | undefined;

    const recount = useFrame(() => {
      if (layer.value.value) residency.value = countResident(layer.value.value);
    });
    watch(layer.value, recount);
    const take = (events: readonly LayerEvent[]): void => {
      for (const event of events) {
        if (event.kind === 'waited') {
          waits.value += event.waits;
          waitMs.value += event.waitMs;
        } else if (event.kind === 'reads') readsSeen.value = event.seen;
        else if (event.kind === 'touched') map?.touch(event.chunks);
        else if (event.kind === 'resident') map?.setState(event.chunks, RESIDENT);
        else if (event.kind === 'evicted') map?.setState(event.chunks, EVICTED);
      }
      recount();
    };
    const path = `/layers/${encodeURIComponent(props.diffId)}/activity`;
    const broken = useFollow<LayerEvent>({ call: () => ({ path }), take });

    return () => {
      const words = t().layer;
      const table = layer.value.value;
      return (
        <div class="page">
          <PageHead title={`${words.title} ${shortDigest(props.diffId)}`} subtitle={words.subtitle}>
            <Badge tone={broken.value ? 'warn' : 'good'}>
              {() => (broken.value ? words.broken : words.live)}
            </Badge>
            <RouterLink class="button" to="/layers">
              {() => words.choose}
            </RouterLink>
          </PageHead>
          <ImageNames names={namesOf(images.value.value ?? [], props.diffId)} />
          {layer.error.value ? <ErrorNote error={layer.error.value} onRetry={layer.refresh} /> : null}
          {table ? (
            <Panel title={words.map}>
              {{
                actions: () => <Totals table={table} residency={residency.value} />,
                default: () =>
                  table.count === 0 ? (
                    <EmptyNote icon="map" title={words.emptyBlob} text="" />
                  ) : (
                    <ResidencyMap
                      key={props.diffId}
                      table={table}
                      files={files.value.value}
                      onReady={(made) => (map = made)}
                    />
                  ),
              }}
            </Panel>
          ) : null}
          {readsSeen.value ? null : <p class="quiet">{words.readsUnseen}</p>}
          {waits.value > 0 ? (
            <p class="quiet">
              {words.waits}: {formatCount(waits.value)} ({formatDuration(waitMs.value)})
            </p>
          ) : null}
          <Panel title={words.trace}>
            {{
              actions: () =>
                trace.value.value && trace.value.value.chunks.length > 0 ? (
                  <button
                    type="button"
                    class="button"
                    onClick={() => {
                      if (map && trace.value.value) replayTrace(trace.value.value, map, replay.signal);
                    }}
                  >
                    <Icon name="play" />
                    {words.replay}
                  </button>
                ) : null,
              default: () =>
                trace.value.value && trace.value.value.chunks.length > 0 ? (
                  <TraceLine trace={trace.value.value} blobBytes={table?.blobBytes ?? 0} />
                ) : (
                  <p class="quiet">{words.traceEmpty}</p>
                ),
            }}
          </Panel>
        </div>
      );
    };
  },
  { props: ['diffId'] },
);

function ImageNames({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <p class="layer-images">
      <span class="quiet">{t().layer.ofImages}</span>
      {names.map((name) => (
        <RouterLink key={name} class="break" to="/images" title={name}>
          {() => shortImage(name)}
        </RouterLink>
      ))}
    </p>
  );
}
ImageNames.props = ['names'];

function Totals({ table, residency }: { readonly table: ChunkTable; readonly residency: Residency }) {
  const words = t().layer;
  return (
    <div class="totals">
      <span>{words.residentOf(formatBytes(residency.bytes), formatBytes(table.blobBytes))}</span>
      <span class="quiet">{words.chunkCount(formatCount(residency.chunks), formatCount(table.count))}</span>
      <Meter part={residency.bytes} whole={table.blobBytes} label={words.map} />
      <strong>{formatPercent(residency.bytes, table.blobBytes)}</strong>
    </div>
  );
}
Totals.props = ['table', 'residency'];
