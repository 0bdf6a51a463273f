import type { FunctionalComponent } from 'vue';
import { RouterLink } from 'vue-router';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../i18n/index.ts';

/** That only the events of one trace are shown, and the way back. */
export const TraceNote: FunctionalComponent<{ readonly traceId: string }> = ({ traceId }) => {
  const words = t().events;
  return (
    <p class="event-trace">
      <span>
        {words.traceShown} <code>{traceId}</code>
      </span>
      <RouterLink class="button" to={{ name: 'events' }}>
        {() => [<Icon name="close" />, words.allTraces]}
      </RouterLink>
    </p>
  );
};
TraceNote.props = ['traceId'];
