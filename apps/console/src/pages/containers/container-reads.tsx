import type { FunctionalComponent } from 'vue';
import { RouterLink } from 'vue-router';
import type { ContainerSummary } from '@lade/control-protocol';
import { formatBytes, formatCount, formatDuration, shortDigest } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

/** What a container's layers had to be fetched for it, and how long it waited. */
export const ContainerReadsView: FunctionalComponent<{ readonly container: ContainerSummary }> = ({
  container,
}) => {
  const words = t().containers;
  const { reads, layers = [] } = container;
  if (!reads) return <p class="quiet">{words.noReads}</p>;
  const figures = [
    [words.fetched, formatBytes(reads.fetchedBytes)],
    [words.waits, formatCount(reads.waits)],
    [words.waited, formatDuration(reads.waitMs)],
  ] as const;
  return (
    <div class="stack">
      <dl class="figures">
        {figures.map(([name, value]) => (
          <div class="figure" key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">{words.readsText}</p>
      {layers.length === 0 ? null : (
        <ul class="chips">
          {layers.map((diffId) => (
            <li key={diffId}>
              <RouterLink class="button" to={`/layers/${diffId}`}>
                {() => <code>{shortDigest(diffId)}</code>}
              </RouterLink>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
};
ContainerReadsView.props = ['container'];
