import type { FunctionalComponent } from 'vue';
import type { DaemonEvent } from '@lade/control-protocol';
import { formatBytes, formatClock, formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { describeEvent, hasFailed, familyOf } from './event-filter.ts';

/** One event in one line. */
export const EventLine: FunctionalComponent<{ readonly event: DaemonEvent }> = ({ event }) => {
  const failed = hasFailed(event);
  const { time, bytes, ms } = event as { time?: string; bytes?: number; ms?: number };
  const text = describeEvent(event);
  return (
    <div class={['event', failed ? 'event-bad' : '']}>
      <time class="event-time" datetime={time}>
        {time === undefined ? '' : formatClock(time)}
      </time>
      <span class={['event-kind', `family-${familyOf(event)}`]}>{event.kind}</span>
      <span class="event-text" title={text}>
        {text}
      </span>
      <span class="event-bytes">{bytes === undefined ? '' : formatBytes(bytes)}</span>
      <span class="event-ms">{failed ? t().events.failed : ms === undefined ? '' : formatDuration(ms)}</span>
    </div>
  );
};
EventLine.props = ['event'];
