import { defineComponent } from 'vue';
import type { BucketContents, NodeSummary } from '@lade/control-protocol';
import type { ApiError } from '../../api/api-error.ts';
import { fetchBucket, fetchNodes } from '../../api/endpoints.ts';
import { Badge } from '../../components/badge.tsx';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { PageHead, Panel } from '../../components/panel.tsx';
import { useStatus } from '../../composables/status.ts';
import { useNow } from '../../composables/use-now.ts';
import { usePoll } from '../../composables/use-poll.ts';
import { formatAgo, formatBytes, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { CostPanel } from './cost-panel.tsx';
import { GarbagePanel } from './garbage-panel.tsx';
import { HistoryPanel } from './history-panel.tsx';
import { ObjectBrowser } from './object-browser.tsx';
import { RequestTable } from './request-table.tsx';

export const BucketPage = defineComponent(() => {
  const contents = usePoll(fetchBucket, 60_000);
  const nodes = usePoll(fetchNodes, 30_000);
  const { value: status } = useStatus();
  return () => {
    const words = t().bucket;
    const empty = contents.value.value?.kinds.every(({ objects }) => objects === 0) ?? false;
    return (
      <div class="page">
        <PageHead title={words.title} subtitle={status.value?.bucket ?? words.subtitle} />
        {contents.error.value ? <ErrorNote error={contents.error.value} onRetry={contents.refresh} /> : null}
        {empty ? <EmptyNote icon="bucket" title={words.empty} text={words.emptyText} /> : null}
        <HistoryPanel />
        <div class="columns">
          {contents.value.value && !empty ? <KindBars contents={contents.value.value} /> : null}
          <NodesPanel nodes={nodes.value.value} here={status.value?.node} error={nodes.error.value} />
        </div>
        <GarbagePanel onRemoved={contents.refresh} />
        {contents.value.value && nodes.value.value ? (
          <CostPanel contents={contents.value.value} nodes={nodes.value.value} />
        ) : null}
        {status.value ? <RequestTable status={status.value} /> : null}
        <ObjectBrowser />
      </div>
    );
  };
});

const KindBars = defineComponent(
  (props: { readonly contents: BucketContents }) => {
    const now = useNow();
    return () => {
      const words = t().bucket;
      const texts: Readonly<Record<string, string>> = words.kinds;
      const { kinds, listedAt } = props.contents;
      const objects = kinds.reduce((sum, kind) => sum + kind.objects, 0);
      const bytes = kinds.reduce((sum, kind) => sum + kind.bytes, 0);
      const largest = Math.max(1, ...kinds.map((kind) => kind.bytes));
      return (
        <Panel title={words.byKind} note={words.total(formatCount(objects), formatBytes(bytes))}>
          {{
            actions: () => <span class="quiet">{words.listedAt(formatAgo(listedAt, now.value))}</span>,
            default: () => (
              <ul class="bars">
                {[...kinds]
                  .sort((a, b) => b.bytes - a.bytes)
                  .map((kind) => (
                    <li key={kind.kind}>
                      <span class="bar-name">
                        <strong>{kind.kind}</strong> <span class="quiet">{texts[kind.kind]}</span>
                      </span>
                      <span class="bar-track" aria-hidden="true">
                        <span
                          class="bar-fill"
                          style={{ width: `${Math.max(0.5, (kind.bytes / largest) * 100)}%` }}
                        />
                      </span>
                      <span class="number">{formatBytes(kind.bytes)}</span>
                      <span class="number quiet">{formatCount(kind.objects)}</span>
                    </li>
                  ))}
              </ul>
            ),
          }}
        </Panel>
      );
    };
  },
  { props: ['contents'] },
);

interface NodesPanelProps {
  readonly nodes: readonly NodeSummary[] | undefined;
  /** What this node is called. */
  readonly here: string | undefined;
  readonly error: ApiError | undefined;
}

const NodesPanel = defineComponent(
  (props: NodesPanelProps) => {
    const now = useNow();
    return () => {
      const words = t().bucket;
      return (
        <Panel title={words.nodes} flush>
          {props.error ? <ErrorNote error={props.error} /> : null}
          {props.nodes?.length === 0 ? <p class="quiet pad">{words.noNodes}</p> : null}
          <ul class="node-list">
            {(props.nodes ?? []).map((node) => (
              <li key={node.name}>
                <span class="break">
                  <strong>{node.name}</strong>
                  {node.name === props.here ? <span class="quiet"> {words.thisNode}</span> : null}
                </span>
                <Badge tone={node.state === 'gone' ? 'warn' : 'good'}>
                  {() => words.lastSeen(formatAgo(node.seenAt, now.value))}
                </Badge>
              </li>
            ))}
          </ul>
        </Panel>
      );
    };
  },
  { props: ['nodes', 'here', 'error'] },
);
