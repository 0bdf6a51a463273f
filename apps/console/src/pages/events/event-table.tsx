import { computed, defineComponent, onMounted, onUnmounted, ref } from 'vue';
import type { DaemonEvent } from '@lade/control-protocol';
import { Icon } from '../../components/icon.tsx';
import { formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { EventLine } from './event-line.tsx';

const ROW = 28;
const SPARE = 6;

/** The events that fit, however many there are. Whoever scrolls away from the newest holds them, and lets go at the top again. */
export const EventTable = defineComponent(
  (props: {
    readonly events: readonly DaemonEvent[];
    readonly newOnes: number;
    readonly onHold: (held: boolean) => void;
  }) => {
    const view = ref<HTMLElement>();
    const [top, height] = [ref(0), ref(600)];
    const resize = new ResizeObserver(([entry]) => {
      height.value = entry?.contentRect.height ?? 600;
    });
    onMounted(() => {
      if (view.value) resize.observe(view.value);
    });
    onUnmounted(() => resize.disconnect());
    const first = computed(() => Math.max(0, Math.floor(top.value / ROW) - SPARE));
    const rows = computed(() =>
      props.events.slice(first.value, first.value + Math.ceil(height.value / ROW) + 2 * SPARE),
    );
    const onScroll = (): void => {
      const before = top.value;
      top.value = view.value?.scrollTop ?? 0;
      if (before === 0 && top.value > 0) props.onHold(true);
      if (before > 0 && top.value === 0) props.onHold(false);
    };
    const toNewest = (): void => {
      view.value?.scrollTo({ top: 0 });
      props.onHold(false);
    };
    return () => (
      <div class="event-view">
        {props.newOnes > 0 ? (
          <button type="button" class="button event-new" onClick={toNewest}>
            <Icon name="up" />
            {t().events.newOnes(formatCount(props.newOnes))}
          </button>
        ) : null}
        <div
          ref={view}
          class="event-scroll"
          role="region"
          tabindex={0}
          aria-label={t().events.table}
          onScroll={onScroll}
        >
          <div class="event-space" style={{ height: `${props.events.length * ROW}px` }}>
            <ul class="event-window" style={{ transform: `translateY(${first.value * ROW}px)` }}>
              {rows.value.map((event) => (
                <li key={event.id}>
                  <EventLine event={event} />
                </li>
              ))}
            </ul>
          </div>
        </div>
      </div>
    );
  },
  { props: ['events', 'newOnes', 'onHold'] },
);
