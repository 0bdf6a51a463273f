import { computed, defineComponent, onScopeDispose, ref, shallowRef, useId, watch } from 'vue';
import { useRoute } from 'vue-router';
import type { DaemonEvent } from '@lade/control-protocol';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { PageHead } from '../../components/panel.tsx';
import { useEventFeed } from '../../composables/event-feed.ts';
import { formatCount, formatRate } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { familyOf, matcher } from './event-filter.ts';
import { EventTable } from './event-table.tsx';
import { TraceNote } from './trace-note.tsx';

const RATE_EVERY_MS = 1000;

/** Everything that happens, as it happens: what is shown changes once a frame at most, and stands still while it is read. */
export const EventsPage = defineComponent(() => {
  const { ring, version, lost, error } = useEventFeed();
  const [family, text, onlyErrors] = [ref(''), ref(''), ref(false)];
  // By the button, and by whoever reads.
  const [stopped, held] = [ref(false), ref(false)];
  const paused = computed(() => stopped.value || held.value);
  const route = useRoute();
  const traceId = computed(() => String(route.query['trace'] ?? ''));
  const shown = shallowRef<readonly DaemonEvent[]>([]);
  const families = ref<readonly string[]>([]);
  const heldSince = ref(0);
  /** Of the trace that is looked at: they stay while others come and go. */
  let ofTrace: readonly DaemonEvent[] = [];
  const ids = { text: useId(), family: useId() };

  const select = (): void => {
    const matches = matcher({
      family: family.value,
      text: text.value,
      onlyErrors: onlyErrors.value,
      traceId: traceId.value,
    });
    const newest = ring.newest();
    shown.value = [...newest, ...missingIn(newest, ofTrace)].filter(matches);
    heldSince.value = ring.total;
  };
  const pause = (): void => {
    stopped.value = !paused.value;
    held.value = false;
  };
  watch(paused, (is) => {
    if (!is) select();
  });
  watch([family, text, onlyErrors, traceId], ([, , , trace], [, , , before]) => {
    if (trace !== before) ofTrace = shown.value.filter((event) => event['traceId'] === trace);
    held.value = false;
    select();
  });
  watch(
    version,
    () => {
      if (!paused.value) select();
    },
    { immediate: true },
  );
  const rate = useRate(
    () => ring.total,
    () => {
      families.value = [...new Set(ring.newest().map(familyOf))].sort();
    },
  );
  const newOnes = computed(() => (paused.value && version.value >= 0 ? ring.total - heldSince.value : 0));
  const clear = (): void => {
    ring.clear();
    select();
  };

  return () => {
    const words = t().events;
    return (
      <div class="page page-fill">
        <PageHead title={words.title} subtitle={words.subtitle}>
          <span class="quiet">
            {words.perSecond(formatRate(rate.value))} ·{' '}
            {words.count(formatCount(shown.value.length), formatCount(ring.size))}
          </span>
          <button type="button" class="button" aria-pressed={paused.value} onClick={pause}>
            <Icon name={paused.value ? 'play' : 'pause'} />
            {paused.value ? words.resume : words.pause}
          </button>
          <button type="button" class="button" onClick={clear}>
            {words.clear}
          </button>
        </PageHead>
        <form class="fields" role="search" onSubmit={(event) => event.preventDefault()}>
          <div class="field field-wide">
            <label for={ids.text}>{words.search}</label>
            <input
              id={ids.text}
              type="search"
              placeholder={words.searchHint}
              value={text.value}
              onInput={(event) => (text.value = (event.target as HTMLInputElement).value)}
            />
          </div>
          <div class="field field-narrow">
            <label for={ids.family}>{words.kind}</label>
            <select
              id={ids.family}
              value={family.value}
              onChange={(event) => (family.value = (event.target as HTMLSelectElement).value)}
            >
              <option value="">{words.allKinds}</option>
              {families.value.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          <label class="check check-tall">
            <input
              type="checkbox"
              checked={onlyErrors.value}
              onChange={() => (onlyErrors.value = !onlyErrors.value)}
            />
            {words.onlyErrors}
          </label>
        </form>
        {traceId.value === '' ? null : <TraceNote traceId={traceId.value} />}
        {error.value ? <ErrorNote error={error.value} /> : null}
        {lost.value > 0 ? <p class="quiet">{words.lost(formatCount(lost.value))}</p> : null}
        {shown.value.length === 0 ? (
          <EmptyNote
            icon="events"
            title={ring.size === 0 ? words.empty : words.noMatch}
            text={ring.size === 0 ? words.emptyText : words.noMatchText}
          />
        ) : (
          <EventTable
            events={shown.value}
            newOnes={newOnes.value}
            held={held.value}
            onHold={(is) => (held.value = is)}
          />
        )}
      </div>
    );
  };
});

function missingIn(events: readonly DaemonEvent[], others: readonly DaemonEvent[]): readonly DaemonEvent[] {
  if (others.length === 0) return others;
  const known = new Set(events.map(({ id }) => id));
  return others.filter(({ id }) => !known.has(id));
}

/** How fast `total` grows a second; `also` runs as often as that is looked at. */
function useRate(total: () => number, also: () => void) {
  const rate = ref(0);
  let [last, at] = [total(), performance.now()];
  const timer = setInterval(() => {
    const now = performance.now();
    rate.value = ((total() - last) * 1000) / (now - at);
    [last, at] = [total(), now];
    also();
  }, RATE_EVERY_MS);
  also();
  onScopeDispose(() => clearInterval(timer));
  return rate;
}
