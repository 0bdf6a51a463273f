import type { FunctionalComponent } from 'vue';
import type { FillSource, Status } from '@lade/control-protocol';
import { Panel } from '../../components/panel.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { formatBytes, formatCount, formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

const SOURCES: readonly FillSource[] = ['bucket', 'hot', 'copied', 'adopted', 'zero'];

/** Where the bytes that became resident came from, and how long readers waited for them. */
export const FillTable: FunctionalComponent<{ readonly status: Status }> = ({ status: { residency } }) => {
  const words = t().overview;
  return (
    <Panel title={words.fills} note={words.since} flush>
      <TableWrap label={words.fills}>
        <table>
          <thead>
            <tr>
              <th>{words.fillSource}</th>
              <th class="number">{words.chunks}</th>
              <th class="number">{words.bytes}</th>
              <th class="number">{words.waits}</th>
              <th class="number">{words.waitedEach}</th>
            </tr>
          </thead>
          <tbody>{SOURCES.map((source) => fillRow(source, residency))}</tbody>
        </table>
      </TableWrap>
    </Panel>
  );
};
FillTable.props = ['status'];

function fillRow(source: FillSource, { fills, readWaits }: Status['residency']) {
  const { chunks, bytes } = fills[source];
  const { reads, ms } = readWaits[source];
  return (
    <tr key={source}>
      <td>{t().overview.fillSources[source]}</td>
      <td class="number">{formatCount(chunks)}</td>
      <td class="number">{formatBytes(bytes)}</td>
      <td class="number">{formatCount(reads)}</td>
      <td class="number">{reads === 0 ? '–' : formatDuration(ms / reads)}</td>
    </tr>
  );
}
