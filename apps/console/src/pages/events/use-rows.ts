import { computed, onMounted, onUnmounted, ref, watch, type ComputedRef, type Ref } from 'vue';
import type { DaemonEvent } from '@lade/control-protocol';

const ROW = 28;
/** Of two lines. */
const NARROW_ROW = 52;
const NARROW = '(max-width: 760px)';
const SPARE = 6;

/** The rows of a list that can be seen, and a few around them. Heights and places are in pixels. */
export interface Rows {
  /** How far the list is scrolled. */
  readonly top: Ref<number>;
  readonly shown: ComputedRef<readonly DaemonEvent[]>;
  /** Where the first of them is. */
  readonly offset: ComputedRef<number>;
  /** Of all of the list. */
  readonly height: ComputedRef<number>;
}

interface RowSources {
  readonly events: () => readonly DaemonEvent[];
  readonly view: Ref<HTMLElement | undefined>;
  /** The row that is open, from the newest on; -1 for none. */
  readonly openAt: () => number;
  /** Below that row: its detail. */
  readonly detail: Ref<HTMLElement | undefined>;
}

export function useRows({ events, view, openAt, detail }: RowSources): Rows {
  const [top, viewHeight, detailHeight] = [ref(0), ref(600), ref(0)];
  const narrow = matchMedia(NARROW);
  const row = ref(narrow.matches ? NARROW_ROW : ROW);
  const onNarrow = (): void => {
    row.value = narrow.matches ? NARROW_ROW : ROW;
  };
  const resize = new ResizeObserver(() => {
    viewHeight.value = view.value?.clientHeight ?? viewHeight.value;
    // Scrolled out of the window, it keeps its height.
    detailHeight.value = detail.value?.offsetHeight ?? detailHeight.value;
  });
  watch(detail, (element) => {
    if (element) resize.observe(element);
  });
  onMounted(() => {
    narrow.addEventListener('change', onNarrow);
    if (view.value) resize.observe(view.value);
  });
  onUnmounted(() => {
    narrow.removeEventListener('change', onNarrow);
    resize.disconnect();
  });
  const extra = computed(() => (openAt() < 0 ? 0 : detailHeight.value));
  const first = computed(() => {
    const below = (openAt() + 1) * row.value;
    const rows =
      top.value <= below ? top.value / row.value : Math.max(openAt(), (top.value - extra.value) / row.value);
    return Math.max(0, Math.floor(rows) - SPARE);
  });
  const shown = computed(() => {
    const count = Math.ceil(viewHeight.value / row.value) + 2 * SPARE;
    return events().slice(first.value, first.value + count);
  });
  const isOpenAbove = (): boolean => openAt() >= 0 && openAt() < first.value;
  return {
    top,
    shown,
    offset: computed(() => first.value * row.value + (isOpenAbove() ? extra.value : 0)),
    height: computed(() => events().length * row.value + extra.value),
  };
}
