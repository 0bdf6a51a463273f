import { computed, defineComponent, ref } from 'vue';
import { formatClock } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

export interface ChartPoint {
  readonly at: number;
  readonly value: number;
}

const [WIDTH, HEIGHT] = [400, 96];

/** A figure over time: an area, its largest value, and the value under the pointer. */
export const LineChart = defineComponent(
  (props: {
    readonly title: string;
    readonly points: readonly ChartPoint[];
    readonly format: (value: number) => string;
  }) => {
    const pointed = ref<number>();
    const top = computed(() => Math.max(1e-9, ...props.points.map(({ value }) => value)));
    const x = (i: number): number => (props.points.length < 2 ? 0 : (i / (props.points.length - 1)) * WIDTH);
    const y = (value: number): number => HEIGHT - 2 - (value / top.value) * (HEIGHT - 8);
    const line = computed(() =>
      props.points.map(({ value }, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join('L'),
    );
    const onPointermove = (event: PointerEvent): void => {
      const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
      pointed.value = Math.round(((event.clientX - left) / width) * (props.points.length - 1));
    };
    return () => {
      const at = pointed.value === undefined ? undefined : props.points[pointed.value];
      const shown = at ?? props.points.at(-1);
      return (
        <figure class="chart">
          <figcaption>
            <span class="quiet">{props.title}</span>
            <strong>{shown ? props.format(shown.value) : '–'}</strong>
            {at ? <small>{formatClock(new Date(at.at).toISOString()).slice(0, 8)}</small> : null}
          </figcaption>
          {props.points.length < 2 ? (
            <p class="chart-empty">{t().bucket.collecting}</p>
          ) : (
            <svg
              viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={`${props.title}: ${shown ? props.format(shown.value) : ''}`}
              onPointermove={onPointermove}
              onPointerleave={() => (pointed.value = undefined)}
            >
              <path class="chart-area" d={`M0,${HEIGHT}L${line.value}L${WIDTH},${HEIGHT}Z`} />
              <path class="chart-line" d={`M${line.value}`} />
              {pointed.value === undefined ? null : (
                <path class="chart-cursor" d={`M${x(pointed.value)} 0V${HEIGHT}`} />
              )}
            </svg>
          )}
        </figure>
      );
    };
  },
  { props: ['title', 'points', 'format'] },
);
