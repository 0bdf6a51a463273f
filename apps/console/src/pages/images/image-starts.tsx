import type { FunctionalComponent } from 'vue';
import type { Start, StartKind } from '@lade/control-protocol';
import { StartKindBadge } from '../../components/start-kind.tsx';
import { formatBytes, formatDate, formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

const KINDS: readonly StartKind[] = ['first', 'cold', 'warm'];

/** How long the last start of each kind took; of an image that was not started here, that. */
export const StartTimes: FunctionalComponent<{ readonly starts: readonly Start[] }> = ({ starts }) => {
  const words = t().starts;
  if (starts.length === 0) return <span class="quiet">{words.none}</span>;
  return (
    <dl class="start-times" aria-label={words.title}>
      {KINDS.map((kind) => {
        const last = starts.find((start) => start.kind === kind);
        return (
          <div key={kind} title={words.meanings[kind]}>
            <dt>{words.kinds[kind]}</dt>
            <dd>{last ? formatDuration(last.ms) : '–'}</dd>
          </div>
        );
      })}
    </dl>
  );
};
StartTimes.props = ['starts'];

/** The starts of an image on this node, the last one first. */
export const StartTable: FunctionalComponent<{ readonly starts: readonly Start[] }> = ({ starts }) => {
  const [words, general] = [t().starts, t().words];
  return (
    <table>
      <thead>
        <tr>
          <th>{words.title}</th>
          <th class="number">{words.took}</th>
          <th class="number">{words.pull}</th>
          <th class="number">{words.waited}</th>
          <th class="number">{words.filled}</th>
          <th>{general.container}</th>
          <th>{words.at}</th>
        </tr>
      </thead>
      <tbody>
        {starts.map((start) => (
          <tr key={`${start.container} ${start.startedAt}`}>
            <td class="nowrap">
              <StartKindBadge kind={start.kind} />
            </td>
            <td class="number">{formatDuration(start.ms)}</td>
            <td class="number">{start.pullMs === undefined ? '–' : formatDuration(start.pullMs)}</td>
            <td class="number">{start.waits === 0 ? '–' : formatDuration(start.waitMs)}</td>
            <td class="number">{start.filledBytes === 0 ? '–' : formatBytes(start.filledBytes)}</td>
            <td class="break">{start.container}</td>
            <td class="nowrap">{formatDate(start.startedAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
StartTable.props = ['starts'];
