import type { FunctionalComponent } from 'vue';
import { RouterLink } from 'vue-router';
import type { DaemonEvent } from '@lade/control-protocol';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../i18n/index.ts';
import { formatField } from './event-filter.ts';

/** Everything that an event tells, and the way to all that belongs to the same pull or request. */
export const EventDetail: FunctionalComponent<{ readonly event: DaemonEvent; readonly id: string }> = ({
  event,
  id,
}) => {
  const words = t().events;
  const { traceId } = event;
  return (
    <div class="event-detail" id={id} role="group" aria-label={`${words.details} ${event.kind}`}>
      <dl class="facts">
        {Object.entries(event).map(([name, value]) => [
          <dt>{name}</dt>,
          <dd>
            <code>{formatField(value)}</code>
          </dd>,
        ])}
      </dl>
      {typeof traceId === 'string' ? (
        <RouterLink class="button" to={{ name: 'events', query: { trace: traceId } }}>
          {() => [<Icon name="search" />, words.ofTrace]}
        </RouterLink>
      ) : null}
    </div>
  );
};
EventDetail.props = ['event', 'id'];
