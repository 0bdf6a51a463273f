import { defineComponent, onMounted, onUnmounted, ref, shallowRef, useId, watch } from 'vue';
import type { LayerFile } from '@lade/control-protocol';
import { isDark, reducedMotion } from '../../composables/theme.ts';
import { formatBytes, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { EVICTED, filesOfChunk, RESIDENT, sizeOfChunk, type ChunkTable } from './decode-map.ts';
import { HeatMap } from './heat-map.ts';
import { chunkAt, layOut, moveCursor, type MapLayout } from './map-layout.ts';
import { readPalette } from './read-palette.ts';

const NAMED_FILES = 4;

/** The map of a layer's chunks, and what is under the pointer or the cursor. `onReady` gets the map, to tell it what happens. */
export const ResidencyMap = defineComponent(
  (props: {
    readonly table: ChunkTable;
    /** In the order of the blob; undefined while they come. */
    readonly files: readonly LayerFile[] | undefined;
    readonly onReady: (map: HeatMap) => void;
  }) => {
    const [frame, canvas] = [ref<HTMLElement>(), ref<HTMLCanvasElement>()];
    const chunk = shallowRef<number>();
    const hint = useId();
    let layout: MapLayout | undefined;
    let map: HeatMap | undefined;

    const point = (to: number | undefined): void => {
      chunk.value = to;
      map?.setCursor(to);
    };
    const resize = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width === 0) return;
      layout = layOut(props.table.count, width);
      map?.setLayout(layout);
    });
    onMounted(() => {
      if (!canvas.value || !frame.value) return;
      map = new HeatMap({ canvas: canvas.value, table: props.table, still: reducedMotion.matches });
      map.setPalette(readPalette());
      resize.observe(frame.value);
      props.onReady(map);
    });
    onUnmounted(() => {
      resize.disconnect();
      map?.[Symbol.dispose]();
    });
    watch(isDark, () => map?.setPalette(readPalette()), { flush: 'post' });

    const onKeydown = (event: KeyboardEvent): void => {
      if (!layout) return;
      const target = moveCursor(layout, props.table.count, chunk.value ?? 0, event.key);
      if (target === undefined) return;
      event.preventDefault();
      point(target);
    };
    return () => (
      <div class="map">
        <div ref={frame} class="map-frame">
          <canvas
            ref={canvas}
            class="map-canvas"
            role="application"
            tabindex={0}
            aria-label={t().layer.mapLabel(formatCount(props.table.count))}
            aria-describedby={hint}
            onKeydown={onKeydown}
            onFocus={() => {
              if (chunk.value === undefined) point(0);
            }}
            onPointermove={(event) => {
              if (layout) point(chunkAt(layout, props.table.count, event.offsetX, event.offsetY));
            }}
            onPointerleave={() => point(undefined)}
          />
        </div>
        <Legend />
        <p id={hint} class="map-tip" aria-live="polite">
          {chunk.value === undefined ? (
            t().layer.hint
          ) : (
            <ChunkFacts table={props.table} files={props.files} chunk={chunk.value} />
          )}
        </p>
      </div>
    );
  },
  { props: ['table', 'files', 'onReady'] },
);

function Legend() {
  const words = t().layer.legend;
  return (
    <ul class="legend">
      {(['missing', 'resident', 'evicted', 'touched'] as const).map((name) => (
        <li key={name}>
          <span class={['swatch', `swatch-${name}`]} aria-hidden="true" />
          {words[name]}
        </li>
      ))}
    </ul>
  );
}

interface ChunkProps {
  readonly table: ChunkTable;
  readonly files: readonly LayerFile[] | undefined;
  readonly chunk: number;
}

function ChunkFacts({ table, files: all, chunk }: ChunkProps) {
  const words = t().layer;
  const files = filesOfChunk(table, all ?? [], chunk);
  const state = table.states[chunk];
  const name = state === RESIDENT ? 'resident' : state === EVICTED ? 'evicted' : 'missing';
  return (
    <span class="chunk-facts">
      <strong>{words.chunk(formatCount(chunk))}</strong>
      <span>{formatBytes(sizeOfChunk(table, chunk))}</span>
      <span>{words.legend[name]}</span>
      {all && files.length === 0 ? <span>{words.noFile}</span> : null}
      {files.slice(0, NAMED_FILES).map((file) => (
        <code key={file.path}>{file.path}</code>
      ))}
      {files.length > NAMED_FILES ? <span>{words.moreFiles(files.length - NAMED_FILES)}</span> : null}
    </span>
  );
}
ChunkFacts.props = ['table', 'files', 'chunk'];
