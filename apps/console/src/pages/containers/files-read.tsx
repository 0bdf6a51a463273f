import type { FunctionalComponent } from 'vue';
import type { FileRead } from '@lade/control-protocol';
import { TableWrap } from '../../components/table-wrap.tsx';
import { formatBytes, formatCount, formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

/** The files that a container has read, those first that it waited for longest. */
export const FilesRead: FunctionalComponent<{ readonly files: readonly FileRead[] }> = ({ files }) => {
  const words = t().containers;
  return (
    <TableWrap label={words.filesRead}>
      <table>
        <thead>
          <tr>
            <th>{words.filesRead}</th>
            <th class="number">{words.read}</th>
            <th class="number">{words.fileSize}</th>
            <th class="number">{words.waits}</th>
            <th class="number">{words.waited}</th>
          </tr>
        </thead>
        <tbody>
          {files.map(({ diffId, path, sizeBytes, bytes, waits, waitMs }) => (
            <tr key={`${diffId} ${path}`}>
              <td class="break">
                <code>{path}</code>
              </td>
              <td class="number">{formatBytes(bytes)}</td>
              <td class="number">{formatBytes(sizeBytes)}</td>
              <td class="number">{formatCount(waits)}</td>
              <td class="number">{waits === 0 ? '–' : formatDuration(waitMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableWrap>
  );
};
FilesRead.props = ['files'];
