import type { FunctionalComponent } from 'vue';
import type { DaemonEvent } from '@lade/control-protocol';
import { formatBytes, formatClock, formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { describeEvent, familyOf, hasFailed, isAbsent } from './event-filter.ts';

/** One event in one line. */
export const EventLine: FunctionalComponent<{ readonly event: DaemonEvent }> = ({ event }) => {
  const failed = hasFailed(event);
  const { time, bytes } = event as { time?: string; bytes?: number };
  const text = describeEvent(event);
  return (
    <span class={['event', failed ? 'event-bad' : '']}>
      <time class="event-time" datetime={time}>
        {time === undefined ? '' : formatClock(time)}
      </time>
      <span class={['event-kind', `family-${familyOf(event)}`]}>{event.kind}</span>
      <span class="event-text" title={text}>
        {text}
      </span>
      <span class="event-bytes">{bytes === undefined ? '' : formatBytes(bytes)}</span>
      <span class="event-ms">{outcomeOf(event)}</span>
    </span>
  );
};
EventLine.props = ['event'];

function outcomeOf(event: DaemonEvent): string {
  const { ms } = event as { ms?: number };
  if (hasFailed(event)) return t().events.failed;
  if (isAbsent(event)) return t().events.absent;
  return ms === undefined ? '' : formatDuration(ms);
}
