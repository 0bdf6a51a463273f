import { computed, defineComponent, shallowRef, watch } from 'vue';
import { RouterLink } from 'vue-router';
import type { DaemonEvent, Status } from '@lade/control-protocol';
import { Badge } from '../../components/badge.tsx';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { PageHead, Panel } from '../../components/panel.tsx';
import { useEventFeed } from '../../composables/event-feed.ts';
import { useStatus } from '../../composables/status.ts';
import { formatBytes, formatCount, formatDuration, formatTime } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { EventLine } from '../events/event-line.tsx';
import { FillTable } from './fill-table.tsx';
import { examine, needsAttention, type Finding } from './health.ts';

const RECENT = 12;

export const OverviewPage = defineComponent(() => {
  const { value: status, at, error, refresh } = useStatus();
  const findings = computed(() => (status.value ? examine(status.value) : []));
  return () => {
    const words = t().overview;
    const bad = findings.value.filter(needsAttention).length;
    return (
      <div class="page">
        <PageHead title={words.title} subtitle={words.subtitle}>
          {status.value === undefined ? null : error.value ? (
            <Badge tone="calm">{() => words.asOf(formatTime(at.value))}</Badge>
          ) : (
            <Badge tone={bad === 0 ? 'good' : 'warn'}>
              {() => (bad === 0 ? words.allWell : words.attention(bad))}
            </Badge>
          )}
        </PageHead>
        {error.value ? <ErrorNote error={error.value} onRetry={refresh} /> : null}
        {status.value?.layers === 0 ? <FirstSteps /> : null}
        <div class="tiles">
          {findings.value.map((finding) => (
            <HealthTile
              key={finding.name}
              {...finding}
              {...(error.value ? { tone: 'calm', asOf: words.asOf(formatTime(at.value)) } : {})}
            />
          ))}
        </div>
        {status.value ? (
          <div class="columns">
            <Counters status={status.value} />
            <NodePanel status={status.value} />
          </div>
        ) : null}
        {status.value ? <FillTable status={status.value} /> : null}
        <RecentEvents />
      </div>
    );
  };
});

function HealthTile({ name, tone, state, cure, detail, asOf }: Finding & { readonly asOf?: string }) {
  return (
    <article class={['tile', `tile-${tone}`]}>
      <h2>{name}</h2>
      <Badge tone={tone}>{() => state}</Badge>
      {asOf === undefined ? null : <p class="tile-detail">{asOf}</p>}
      {detail === undefined ? null : <p class="tile-detail">{detail}</p>}
      {cure === undefined ? null : (
        <p class="cure">
          <span class="cure-label">{t().errors.cure}</span>
          {cure}
        </p>
      )}
    </article>
  );
}
HealthTile.props = ['name', 'tone', 'state', 'cure', 'detail', 'asOf'];

function FirstSteps() {
  const words = t().overview;
  return (
    <EmptyNote icon="images" title={words.startTitle} text={words.startText}>
      <RouterLink class="button button-primary" to="/images">
        {() => words.startAction}
      </RouterLink>
    </EmptyNote>
  );
}

function Counters({ status: { residency } }: { readonly status: Status }) {
  const words = t().overview;
  const figures = [
    [words.fetched, formatBytes(residency.fetchedBytes), ''],
    [words.requests, formatCount(residency.requests), words.retried(formatCount(residency.retries))],
    [words.waits, formatCount(residency.waits), words.waited(formatDuration(residency.waitMs))],
    [words.evicted, formatBytes(residency.evictedBytes), ''],
  ] as const;
  return (
    <Panel title={words.since}>
      <dl class="figures">
        {figures.map(([name, value, note]) => (
          <div class="figure" key={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              {note === '' ? null : <small>{note}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
Counters.props = ['status'];

function NodePanel({ status }: { readonly status: Status }) {
  const words = t().overview;
  const facts = [
    [words.nodeName, status.node],
    [words.version, status.version],
    [words.bucketUrl, status.bucket],
    [words.root, status.root],
    [words.layersHere, formatCount(status.layers)],
    ...(status.plainSnapshots > 0 ? [[words.plain, formatCount(status.plainSnapshots)] as const] : []),
  ] as const;
  return (
    <Panel title={words.node}>
      <dl class="facts">{facts.map(([name, value]) => [<dt>{name}</dt>, <dd>{value}</dd>])}</dl>
    </Panel>
  );
}
NodePanel.props = ['status'];

const RecentEvents = defineComponent(() => {
  const feed = useEventFeed();
  const recent = shallowRef<readonly DaemonEvent[]>([]);
  watch(feed.version, () => (recent.value = feed.ring.newest(RECENT)), { immediate: true });
  return () => (
    <Panel title={t().overview.recent} flush>
      {{
        actions: () => (
          <RouterLink class="link" to="/events">
            {() => t().overview.allEvents}
          </RouterLink>
        ),
        default: () =>
          recent.value.length === 0 ? (
            <p class="quiet pad">{t().overview.noEvents}</p>
          ) : (
            <ul class="event-list">
              {recent.value.map((event) => (
                <li key={event.id}>
                  <EventLine event={event} />
                </li>
              ))}
            </ul>
          ),
      }}
    </Panel>
  );
});
