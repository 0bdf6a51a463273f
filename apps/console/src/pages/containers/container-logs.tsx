import { defineComponent, nextTick, onScopeDispose, ref, shallowRef, watch } from 'vue';
import type { ContainerSummary, OutputEvent } from '@lade/control-protocol';
import { toApiError, type ApiError } from '../../api/api-error.ts';
import { readBatches } from '../../api/stream.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { useFrame } from '../../composables/use-frame.ts';
import { pageVisible } from '../../composables/use-visible.ts';
import { t } from '../../i18n/index.ts';
import { fromBase64 } from './base64.ts';
import { LogLines, type LogLine } from './log-lines.ts';

const MAX_LINES = 2000;

/** What a container wrote, and goes on writing. Read anew when the page is seen again. */
export const ContainerLogs = defineComponent(
  (props: { readonly container: ContainerSummary }) => {
    const lines = shallowRef<readonly LogLine[]>([]);
    const error = shallowRef<ApiError>();
    const ended = ref<number>();
    const isOpen = ref(false);
    const view = ref<HTMLElement>();
    const sticky = ref(true);
    let log = new LogLines(MAX_LINES);
    let reading = new AbortController();

    const show = useFrame(() => {
      lines.value = log.newest();
      if (sticky.value) void nextTick(() => view.value?.scrollTo({ top: view.value.scrollHeight }));
    });
    const read = async (signal: AbortSignal): Promise<void> => {
      log = new LogLines(MAX_LINES);
      [ended.value, error.value, isOpen.value] = [undefined, undefined, false];
      const { id, namespace } = props.container;
      const path = `/containers/${encodeURIComponent(id)}/logs`;
      const query = { namespace, follow: true, tail: MAX_LINES };
      try {
        for await (const batch of readBatches<OutputEvent>({ path, query, signal })) {
          isOpen.value = true;
          for (const event of batch) {
            if (event.kind === 'output') log.add(event.stream, fromBase64(event.data));
            else if (event.kind === 'exited') ended.value = event.exitStatus;
          }
          show();
        }
      } catch (reason) {
        if (!signal.aborted) error.value = toApiError(reason);
      }
    };
    watch(
      pageVisible,
      (visible) => {
        reading.abort();
        reading = new AbortController();
        if (visible && props.container.hasLogs !== false) void read(reading.signal);
      },
      { immediate: true },
    );
    onScopeDispose(() => reading.abort());
    const onScroll = (): void => {
      const { scrollTop, scrollHeight, clientHeight } = view.value ?? document.documentElement;
      sticky.value = scrollTop + clientHeight > scrollHeight - 24;
    };
    return () => {
      const words = t().containers;
      if (props.container.hasLogs === false) return <p class="quiet">{words.noLogs}</p>;
      return (
        <div class="stack">
          {error.value ? <ErrorNote error={error.value} /> : null}
          <div ref={view} class="log" role="log" tabindex={0} aria-label={words.logs} onScroll={onScroll}>
            {isOpen.value && lines.value.length === 0 ? <p class="log-quiet">{words.emptyLog}</p> : null}
            {lines.value.map(({ number, stream, text }) => (
              <div key={number} class={['log-line', `log-${stream}`]}>
                {text}
              </div>
            ))}
            {ended.value === undefined ? null : <p class="log-quiet">{words.logEnded(ended.value)}</p>}
          </div>
        </div>
      );
    };
  },
  { props: ['container'] },
);
