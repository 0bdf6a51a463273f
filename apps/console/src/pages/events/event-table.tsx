import { computed, defineComponent, ref, useId, watch } from 'vue';
import type { DaemonEvent } from '@lade/control-protocol';
import { Icon } from '../../components/icon.tsx';
import { formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { EventDetail } from './event-detail.tsx';
import { EventLine } from './event-line.tsx';
import { useRows } from './use-rows.ts';

/**
 * The events that fit, however many there are; a row opens into all that its event tells. Whoever scrolls away from the newest, is at a
 * row or has opened one holds them, and lets go with the last of these.
 */
export const EventTable = defineComponent(
  (props: {
    readonly events: readonly DaemonEvent[];
    readonly newOnes: number;
    readonly held: boolean;
    readonly onHold: (held: boolean) => void;
  }) => {
    const [view, detail] = [ref<HTMLElement>(), ref<HTMLElement>()];
    const open = ref<number>();
    const isAtRow = ref(false);
    const detailId = useId();
    const openAt = computed(() =>
      open.value === undefined ? -1 : props.events.findIndex(({ id }) => id === open.value),
    );
    const rows = useRows({ events: () => props.events, view, openAt: () => openAt.value, detail });
    const tell = (): void => props.onHold(rows.top.value > 0 || isAtRow.value || openAt.value >= 0);
    const onScroll = (): void => {
      rows.top.value = view.value?.scrollTop ?? 0;
      tell();
    };
    const atRow = (is: boolean) => (): void => {
      isAtRow.value = is;
      tell();
    };
    const toggle = ({ id }: DaemonEvent): void => {
      open.value = open.value === id ? undefined : id;
      tell();
    };
    const toNewest = (): void => {
      open.value = undefined;
      view.value?.scrollTo({ top: 0 });
      props.onHold(false);
    };
    watch(
      () => props.held,
      (held) => {
        if (!held) open.value = undefined;
      },
    );
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
          onKeydown={moveFocus}
        >
          <div class="event-space" style={{ height: `${rows.height.value}px` }}>
            <ul
              class="event-window"
              style={{ transform: `translateY(${rows.offset.value}px)` }}
              onFocusin={atRow(true)}
              onFocusout={atRow(false)}
              onPointerdown={atRow(true)}
            >
              {rows.shown.value.map((event) => (
                <li key={event.id}>
                  <button
                    type="button"
                    class="event-row"
                    aria-expanded={event.id === open.value}
                    aria-controls={event.id === open.value ? detailId : undefined}
                    onClick={() => toggle(event)}
                  >
                    <EventLine event={event} />
                  </button>
                  {event.id === open.value ? (
                    <div ref={detail}>
                      <EventDetail id={detailId} event={event} />
                    </div>
                  ) : null}
                </li>
              ))}
            </ul>
          </div>
        </div>
      </div>
    );
  },
  { props: ['events', 'newOnes', 'held', 'onHold'] },
);

/** Arrows go from row to row. */
function moveFocus(event: KeyboardEvent): void {
  const row = (event.target as HTMLElement).closest('.event-row')?.parentElement;
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  if (!row || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
  event.preventDefault();
  next?.querySelector<HTMLElement>('.event-row')?.focus();
}
