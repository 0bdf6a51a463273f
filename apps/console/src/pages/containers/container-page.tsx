import { defineAsyncComponent, defineComponent, ref, type Ref } from 'vue';
import { RouterLink, useRoute } from 'vue-router';
import type { ContainerSummary } from '@lade/control-protocol';
import { fetchContainers } from '../../api/endpoints.ts';
import type { WaitOptions } from '../../api/request.ts';
import { Badge } from '../../components/badge.tsx';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { PageHead } from '../../components/panel.tsx';
import { usePoll } from '../../composables/use-poll.ts';
import { formatDate, shortImage } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { isWaiting } from './attached-runs.ts';
import { ContainerActions } from './container-actions.tsx';
import { startText, startedAt, stateText, toneOf } from './container-facts.ts';
import { ContainerLogs } from './container-logs.tsx';
import { ContainerReadsView } from './container-reads.tsx';

/** The terminal is large, and comes when somebody opens one. */
const TerminalView = defineAsyncComponent(async () => (await import('./terminal-view.tsx')).TerminalView);

const TABS = ['logs', 'terminal', 'reads'] as const;
type Tab = (typeof TABS)[number];

export const ContainerPage = defineComponent(() => {
  const route = useRoute();
  const id = String(route.params['id']);
  const namespace = String(route.params['namespace']);
  const ask = async (options: WaitOptions) => fetchContainers(namespace, options);
  const { value: containers, error, refresh } = usePoll(ask, 2000);
  const tab: Ref<Tab> = ref(isWaiting(id) ? 'terminal' : 'logs');
  return () => {
    const words = t().containers;
    const found = containers.value?.find((item) => item.id === id && item.namespace === namespace);
    return (
      <div class="page">
        <PageHead title={id} subtitle={found ? shortImage(found.image) : ''}>
          {found
            ? [
                <Badge tone={toneOf(found)}>{() => stateText(found)}</Badge>,
                <ContainerActions container={found} onChanged={refresh} />,
              ]
            : null}
          <RouterLink class="button" to="/containers">
            {() => words.back}
          </RouterLink>
        </PageHead>
        {error.value ? <ErrorNote error={error.value} onRetry={refresh} /> : null}
        {containers.value && !found ? <EmptyNote icon="containers" title={words.gone} text="" /> : null}
        {found ? (
          <section class="panel">
            <Facts container={found} />
            <Tabs tab={tab.value} onChoose={(chosen) => (tab.value = chosen)} />
            <div class="tab-panel" role="tabpanel" id="container-panel" aria-labelledby={`tab-${tab.value}`}>
              {tab.value === 'logs' ? <ContainerLogs key={`logs ${id}`} container={found} /> : null}
              {tab.value === 'terminal' ? <TerminalView key={`terminal ${id}`} container={found} /> : null}
              {tab.value === 'reads' ? <ContainerReadsView key={`reads ${id}`} container={found} /> : null}
            </div>
          </section>
        ) : null}
      </div>
    );
  };
});

function Facts({ container }: { readonly container: ContainerSummary }) {
  const words = t().containers;
  const [at, took, kind] = [startedAt(container), startText(container), container.start?.kind];
  const facts = [
    [words.started, at === undefined ? '–' : formatDate(at)],
    [words.startTook, kind === undefined ? took : `${took} · ${t().starts.kinds[kind]}`],
    [words.pid, container.pid === undefined ? '–' : String(container.pid)],
    [words.namespace, container.namespace],
    [words.snapshotter, container.snapshotter],
  ] as const;
  return (
    <dl class="strip">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
Facts.props = ['container'];

function Tabs({ tab, onChoose }: { readonly tab: Tab; readonly onChoose: (tab: Tab) => void }) {
  const words = t().containers;
  const names = { logs: words.logs, terminal: words.terminal, reads: words.readsTab };
  const onKeydown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? tab;
    onChoose(next);
    document.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" onKeydown={onKeydown}>
      {TABS.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          class="tab"
          id={`tab-${name}`}
          aria-selected={tab === name}
          aria-controls="container-panel"
          tabindex={tab === name ? 0 : -1}
          onClick={() => onChoose(name)}
        >
          {names[name]}
        </button>
      ))}
    </div>
  );
}
Tabs.props = ['tab', 'onChoose'];
