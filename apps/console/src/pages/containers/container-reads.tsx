import { defineComponent } from 'vue';
import { RouterLink } from 'vue-router';
import type { ContainerReads, ContainerSummary } from '@lade/control-protocol';
import { fetchContainer } from '../../api/endpoints.ts';
import { usePoll } from '../../composables/use-poll.ts';
import { formatBytes, formatCount, formatDuration, shortDigest } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { isSeen } from './container-facts.ts';
import { FilesRead } from './files-read.tsx';

/** What the processes of a container have read of its layers, and how long they waited for it. */
export const ContainerReadsView = defineComponent(
  (props: { readonly container: ContainerSummary }) => {
    const { id, namespace } = props.container;
    const detailed = usePoll(async (options) => fetchContainer(id, namespace, options), 2000);
    return () => {
      const words = t().containers;
      const { reads, layers = [] } = detailed.value.value ?? props.container;
      if (!reads) return <p class="quiet">{words.noReads}</p>;
      return (
        <div class="stack">
          {isSeen(reads) ? (
            <Figures reads={reads} />
          ) : (
            <p>
              <strong>{words.notSeen}</strong>: {words.notSeenText}
            </p>
          )}
          <p class="quiet">{words.readsText}</p>
          {reads.unattributed ? (
            <p class="quiet">
              {words.unattributed(
                formatBytes(reads.unattributed.bytes),
                formatDuration(reads.unattributed.waitMs),
              )}
            </p>
          ) : null}
          {reads.files && reads.files.length > 0 ? <FilesRead files={reads.files} /> : null}
          {layers.length === 0 ? null : <Layers layers={layers} unseen={reads.unseenLayers ?? []} />}
        </div>
      );
    };
  },
  { props: ['container'] },
);

function Figures({ reads }: { readonly reads: ContainerReads }) {
  const words = t().containers;
  const figures = [
    [words.read, formatBytes(reads.bytes)],
    [words.fetched, formatBytes(reads.filledBytes)],
    [words.waits, formatCount(reads.waits)],
    [words.waited, formatDuration(reads.waitMs)],
  ] as const;
  return (
    <dl class="figures">
      {figures.map(([name, value]) => (
        <div class="figure" key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
Figures.props = ['reads'];

function Layers({
  layers,
  unseen,
}: {
  readonly layers: readonly string[];
  readonly unseen: readonly string[];
}) {
  const words = t().containers;
  return (
    <div class="stack">
      <ul class="chips">
        {layers.map((diffId) => (
          <li key={diffId}>
            <RouterLink class="button" to={`/layers/${diffId}`}>
              {() => <code>{shortDigest(diffId)}</code>}
            </RouterLink>
          </li>
        ))}
      </ul>
      {unseen.length === 0 ? null : <p class="quiet">{words.unseen(unseen.map(shortDigest).join(', '))}</p>}
    </div>
  );
}
Layers.props = ['layers', 'unseen'];
