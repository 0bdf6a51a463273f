import type { FunctionalComponent } from 'vue';
import { TableWrap } from '../../components/table-wrap.tsx';
import { formatBytes, formatCount, formatDate } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { foldBins, type Bin } from './history-rows.ts';

const ROWS = 12;
const COUNTS = ['read', 'write', 'list', 'delete', 'errors'] as const;
const BYTES = ['receivedBytes', 'sentBytes'] as const;

/** What the charts show, for those who do not see them or want numbers. The newest comes first. */
export const HistoryTable: FunctionalComponent<{ readonly bins: readonly Bin[] }> = ({ bins }) => {
  const words = t().bucket;
  const counts: Readonly<Record<string, string>> = { ...words.requestKinds, errors: words.requestErrors };
  return (
    <details class="chart-table">
      <summary>{words.asTable}</summary>
      <TableWrap label={words.asTable}>
        <table>
          <thead>
            <tr>
              <th>{words.from}</th>
              {COUNTS.map((name) => (
                <th key={name} class="number">
                  {counts[name]}
                </th>
              ))}
              <th class="number">{words.bytesRead}</th>
              <th class="number">{words.bytesWritten}</th>
              <th class="number">{words.stored}</th>
            </tr>
          </thead>
          <tbody>
            {foldBins(bins, ROWS)
              .toReversed()
              .map((bin) => (
                <tr key={bin.at}>
                  <td class="nowrap">{formatDate(new Date(bin.at * 1000).toISOString())}</td>
                  {COUNTS.map((name) => (
                    <td key={name} class="number">
                      {formatCount(bin[name])}
                    </td>
                  ))}
                  {BYTES.map((name) => (
                    <td key={name} class="number">
                      {formatBytes(bin[name])}
                    </td>
                  ))}
                  <td class="number">{bin.size ? formatBytes(bin.size.bytes) : '–'}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </TableWrap>
    </details>
  );
};
HistoryTable.props = ['bins'];
