import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { defineComponent, onBeforeUnmount, onMounted, ref, shallowRef, watch } from 'vue';
import { isDark } from '../../composables/theme.ts';
import { formatDate, formatTime } from '../../i18n/format.ts';
import { language } from '../../i18n/index.ts';
import { createOptions, toData, type ChartSpec } from './chart-options.ts';

export interface LegendEntry {
  readonly name: string;
  readonly value: string;
  /** Of the series that it is about. */
  readonly colour?: string;
}

interface TimeChartProps {
  readonly title: string;
  readonly spec: ChartSpec;
  /** What is under the pointer, or of all. */
  readonly legend: (index: number | undefined) => readonly LegendEntry[];
  /** Stands in the place of a chart that has nothing to show. */
  readonly empty: string | undefined;
}

/** Figures over time. Who does not see it has its legend, and the table of the panel. */
export const TimeChart = defineComponent(
  (props: TimeChartProps) => {
    const place = ref<HTMLElement>();
    const pointed = ref<number>();
    const plot = shallowRef<uPlot>();
    const draw = (): void => {
      plot.value?.destroy();
      const width = place.value?.clientWidth ?? 0;
      if (!place.value || width === 0) return;
      const point = (index: number | undefined): void => {
        pointed.value = index;
      };
      plot.value = new uPlot(
        createOptions(() => props.spec, { width, pointed: point }),
        toData(props.spec),
        place.value,
      );
    };
    const resized = new ResizeObserver(() => {
      const [width, height] = [place.value?.clientWidth ?? 0, plot.value?.height ?? 0];
      if (!plot.value) draw();
      else if (width > 0 && width !== plot.value.width) plot.value.setSize({ width, height });
    });
    onMounted(() => place.value && resized.observe(place.value));
    onBeforeUnmount(() => {
      resized.disconnect();
      plot.value?.destroy();
    });
    // The tokens are those of the theme only once the page has it.
    watch([isDark, language], draw, { flush: 'post' });
    watch(
      () => props.spec,
      (spec) => plot.value?.setData(toData(spec)),
    );
    return () => {
      const { at, binS } = props.spec;
      const begin = pointed.value === undefined ? undefined : at[pointed.value];
      const entries = props.legend(begin === undefined ? undefined : pointed.value);
      const summary = props
        .legend(undefined)
        .map(({ name, value }) => `${name} ${value}`)
        .join(', ');
      return (
        <figure class="chart">
          <figcaption>
            <strong>{props.title}</strong>
            <span class="quiet">{begin === undefined ? null : formatSpan(begin, binS)}</span>
          </figcaption>
          <div class="chart-plot">
            <div ref={place} role="img" aria-label={`${props.title}: ${props.empty ?? summary}`} />
            {props.empty === undefined ? null : <p class="chart-empty">{props.empty}</p>}
          </div>
          <ul class="chart-legend">
            {entries.map(({ name, value, colour }) => (
              <li key={name}>
                <span
                  class="chart-key"
                  style={colour === undefined ? {} : { background: `var(${colour})` }}
                  aria-hidden="true"
                />
                <span>{name}</span>
                <span class="number">{value}</span>
              </li>
            ))}
          </ul>
        </figure>
      );
    };
  },
  { props: ['title', 'spec', 'legend', 'empty'] },
);

/** Begin and end; with the day where points are longer than minutes. */
function formatSpan(begin: number, binS: number): string {
  const [from, to] = [new Date(begin * 1000), new Date((begin + binS) * 1000)];
  return `${binS < 3600 ? formatTime(from) : formatDate(from.toISOString())} – ${formatTime(to)}`;
}
