import type { FunctionalComponent } from 'vue';
import type { Status } from '@lade/control-protocol';
import { Panel } from '../../components/panel.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { formatBytes, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

/** What was asked of the bucket, by what clouds price alike. */
export const RequestTable: FunctionalComponent<{ readonly status: Status }> = ({ status }) => {
  const words = t().bucket;
  const names: Readonly<Record<string, string>> = words.requestKinds;
  return (
    <Panel title={words.requests} note={t().overview.since} flush>
      <TableWrap label={words.requests}>
        <table>
          <thead>
            <tr>
              <th>{t().words.kind}</th>
              <th class="number">{words.requests}</th>
              <th class="number">{words.requestErrors}</th>
              <th class="number">{words.bytesRead}</th>
              <th class="number">{words.bytesWritten}</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(status.bucketRequests).map(
              ([kind, { requests, errors, receivedBytes, sentBytes }]) => (
                <tr key={kind}>
                  <td>{names[kind] ?? kind}</td>
                  <td class="number">{formatCount(requests)}</td>
                  <td class="number">{formatCount(errors)}</td>
                  <td class="number">{formatBytes(receivedBytes)}</td>
                  <td class="number">{formatBytes(sentBytes)}</td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </TableWrap>
    </Panel>
  );
};
RequestTable.props = ['status'];
