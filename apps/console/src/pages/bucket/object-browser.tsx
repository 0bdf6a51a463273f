import { defineComponent, ref, useId, watch } from 'vue';
import { fetchObjects } from '../../api/endpoints.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/panel.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { usePoll } from '../../composables/use-poll.ts';
import { formatBytes, formatDate } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

const FOLDERS = ['', 'layers/', 'packs/', 'chains/', 'content/', 'hot/', 'refs/', 'nodes/'];

/** The objects of the bucket, page by page. */
export const ObjectBrowser = defineComponent(() => {
  const [prefix, after] = [ref(''), ref('')];
  const id = useId();
  const page = usePoll(
    async (options) =>
      fetchObjects(
        {
          ...(prefix.value === '' ? {} : { prefix: prefix.value }),
          ...(after.value === '' ? {} : { after: after.value }),
        },
        options,
      ),
    0,
  );
  watch([prefix, after], page.refresh);
  const go = (to: string): void => {
    [prefix.value, after.value] = [to, ''];
  };
  return () => {
    const words = t().bucket;
    const { objects = [], next } = page.value.value ?? {};
    return (
      <Panel title={words.browse} flush>
        {{
          actions: () => (
            <div class="object-head">
              <label for={id}>{words.prefix}</label>
              <input
                id={id}
                class="mono"
                list={`${id}-folders`}
                value={prefix.value}
                onChange={(event) => go((event.target as HTMLInputElement).value)}
              />
              <datalist id={`${id}-folders`}>
                {FOLDERS.map((folder) => (
                  <option key={folder} value={folder} />
                ))}
              </datalist>
            </div>
          ),
          default: () => [
            page.error.value ? (
              <div class="pad">
                <ErrorNote error={page.error.value} onRetry={page.refresh} />
              </div>
            ) : null,
            page.value.value && objects.length === 0 ? <p class="quiet pad">{words.noObjects}</p> : null,
            objects.length === 0 ? null : (
              <TableWrap class="objects" label={words.key}>
                <table>
                  <thead>
                    <tr>
                      <th>{words.key}</th>
                      <th class="number">{t().words.size}</th>
                      <th>{words.modified}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {objects.map(({ key, sizeBytes, modifiedAt }) => (
                      <tr key={key}>
                        <td>
                          <code class="break">{key}</code>
                        </td>
                        <td class="number">{formatBytes(sizeBytes)}</td>
                        <td class="nowrap">{formatDate(modifiedAt)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </TableWrap>
            ),
            <footer class="object-foot">
              <button
                type="button"
                class="button"
                disabled={after.value === ''}
                onClick={() => (after.value = '')}
              >
                {words.firstPage}
              </button>
              <button
                type="button"
                class="button"
                disabled={next === undefined}
                onClick={() => (after.value = next ?? '')}
              >
                {words.nextPage}
                <Icon name="right" />
              </button>
            </footer>,
          ],
        }}
      </Panel>
    );
  };
});
