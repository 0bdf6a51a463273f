import { defineComponent, ref } from 'vue';
import { RouterLink } from 'vue-router';
import type { ContainerSummary } from '@lade/control-protocol';
import { fetchContainers } from '../../api/endpoints.ts';
import { Badge } from '../../components/badge.tsx';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Explained } from '../../components/explained.tsx';
import { PageHead } from '../../components/panel.tsx';
import { StartKindBadge } from '../../components/start-kind.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { namespace, namespaces } from '../../composables/namespace.ts';
import { useNow } from '../../composables/use-now.ts';
import { usePoll } from '../../composables/use-poll.ts';
import { formatAgo, formatBytes, formatDuration, shortImage } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { ContainerActions } from './container-actions.tsx';
import { isSeen, startText, startedAt, stateText, toneOf } from './container-facts.ts';

export const ContainersPage = defineComponent(() => {
  const {
    value: containers,
    error,
    refresh,
  } = usePoll(async (options) => fetchContainers(namespace.value, options), 2000);
  const now = useNow();
  return () => {
    const words = t().containers;
    return (
      <div class="page">
        <PageHead title={words.title} subtitle={words.subtitle} />
        {error.value ? <ErrorNote error={error.value} onRetry={refresh} /> : null}
        {containers.value?.length === 0 ? (
          <EmptyNote icon="containers" title={words.empty} text={emptyText()}>
            <RouterLink class="button button-primary" to="/images">
              {() => words.toImages}
            </RouterLink>
          </EmptyNote>
        ) : null}
        {containers.value && containers.value.length > 0 ? (
          <TableWrap class="panel" label={words.title}>
            <ContainerTable containers={containers.value} now={now.value} onChanged={refresh} />
          </TableWrap>
        ) : null}
      </div>
    );
  };
});

const ContainerTable = defineComponent(
  (props: {
    readonly containers: readonly ContainerSummary[];
    readonly now: number;
    readonly onChanged: () => void;
  }) => {
    const busy = ref(false);
    return () => {
      const [words, general] = [t().containers, t().words];
      return (
        <table aria-busy={busy.value}>
          <thead>
            <tr>
              <th>ID</th>
              <th>{general.image}</th>
              <th>{general.state}</th>
              <th>{words.started}</th>
              <th class="number">{words.startTook}</th>
              <th class="number">{words.read}</th>
              <th class="number">{words.waited}</th>
              <th>
                <span class="visually-hidden">{general.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {props.containers.map((item) => (
              <tr key={`${item.namespace}/${item.id}`}>
                <td class="break">
                  <RouterLink to={{ name: 'container', params: { namespace: item.namespace, id: item.id } }}>
                    {() => <strong>{item.id}</strong>}
                  </RouterLink>
                </td>
                <td class="break">{shortImage(item.image)}</td>
                <td class="nowrap">
                  <Badge tone={toneOf(item)}>{() => stateText(item)}</Badge>
                </td>
                <td class="nowrap">
                  {startedAt(item) === undefined ? '–' : formatAgo(startedAt(item) ?? '', props.now)}
                </td>
                <td class="number nowrap">
                  {item.start ? <StartKindBadge kind={item.start.kind} /> : null} {startText(item)}
                </td>
                {readCells(item)}
                <td>
                  <ContainerActions container={item} onChanged={props.onChanged} compact />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      );
    };
  },
  { props: ['containers', 'now', 'onChanged'] },
);

function emptyText(): string {
  const words = t().containers;
  if (namespaces.value.length < 2) return words.emptyText;
  const others = namespaces.value.filter((name) => name !== namespace.value).join(', ');
  return `${words.emptyText} ${words.emptyElsewhere(namespace.value, others)}`;
}

function readCells({ reads }: ContainerSummary) {
  const words = t().containers;
  if (reads && !isSeen(reads)) {
    return (
      <td class="number" colspan={2}>
        <Explained word={words.notSeen} text={words.notSeenText} />
      </td>
    );
  }
  return [
    <td class="number">{reads ? formatBytes(reads.bytes) : '–'}</td>,
    <td class="number">{reads ? formatDuration(reads.waitMs) : '–'}</td>,
  ];
}
