import { computed, shallowRef, watch, type ComputedRef, type Ref } from 'vue';
import type { BucketHistory } from '@lade/control-protocol';
import type { ApiError } from '../../api/api-error.ts';
import { fetchHistory } from '../../api/endpoints.ts';
import { usePoll } from '../../composables/use-poll.ts';
import { appendRows, RANGES, toRows, type HistoryRows, type Range } from './history-rows.ts';

const EVERY_MS = 5000;
const STEPS = {
  minute: { stepS: 60, spanS: RANGES.day.spanS },
  hour: { stepS: 3600, spanS: RANGES.month.spanS },
} as const;

/** The history that a range needs, kept up to date: after the first answer only what is new is asked for. */
export function useHistory(range: Ref<Range>): {
  readonly rows: ComputedRef<HistoryRows | undefined>;
  readonly error: Ref<ApiError | undefined>;
  readonly refresh: () => void;
} {
  const known = shallowRef<Partial<Record<BucketHistory['step'], HistoryRows>>>({});
  const step = computed(() => RANGES[range.value].step);
  const { error, refresh } = usePoll(async (options) => {
    const wanted = step.value;
    const before = known.value[wanted];
    const { stepS, spanS } = STEPS[wanted];
    // The step that was not over, and the one before it, which may have been recorded since.
    const from = before && new Date((before.until - stepS) * 1000).toISOString();
    const answer = await fetchHistory({ step: wanted, ...(from ? { since: from } : {}) }, options);
    const rows = toRows(answer);
    const all = before ? appendRows(before, rows, { since: answer.since, spanS }) : rows;
    known.value = { ...known.value, [wanted]: all };
  }, EVERY_MS);
  watch(step, refresh);
  return { rows: computed(() => known.value[step.value]), error, refresh };
}
