import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { defineComponent, onMounted, onScopeDispose, ref, shallowRef, useId, watch } from 'vue';
import type { ContainerSummary } from '@lade/control-protocol';
import { toApiError, type ApiError } from '../../api/api-error.ts';
import { execInContainer, sendInput, sendSize } from '../../api/endpoints.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { isDark } from '../../composables/theme.ts';
import { t } from '../../i18n/index.ts';
import { splitCommand } from '../images/split-command.ts';
import { takeOver, type Attachment } from './attached-runs.ts';
import { fromBase64 } from './base64.ts';
import { InputQueue } from './input-queue.ts';
import { terminalTheme } from './terminal-theme.ts';

const SHELL = '/bin/sh';

/** A process in a container and a terminal for it: an exec, or the container's own process right after its start. */
export const TerminalView = defineComponent(
  (props: { readonly container: ContainerSummary }) => {
    const [place, frame] = [ref<HTMLElement>(), ref<HTMLElement>()];
    const command = ref(SHELL);
    const open = ref(false);
    const ended = ref<number>();
    const error = shallowRef<ApiError>();
    const id = useId();
    const terminal = new Terminal({
      fontFamily: 'ui-monospace, Menlo, Consolas, monospace',
      fontSize: 13,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      screenReaderMode: true,
      scrollback: 5000,
    });
    const fit = new FitAddon();
    let leave = (): void => {};
    let queue: InputQueue | undefined;
    let resized = (): void => {};

    const fail = (reason: unknown): void => {
      error.value = toApiError(reason);
    };
    const attach = async ({ session, events, leave: leaveIt }: Attachment): Promise<void> => {
      leave = leaveIt;
      queue = new InputQueue(async (bytes) => sendInput(session, bytes), fail);
      resized = () => void sendSize(session, { columns: terminal.cols, rows: terminal.rows }).catch(() => {});
      resized();
      terminal.focus();
      for (;;) {
        const { done, value } = await events.next();
        if (done) return;
        if (value.kind === 'output') terminal.write(fromBase64(value.data));
        if (value.kind === 'exited') ended.value = value.exitStatus;
      }
    };
    const begin = async (attachment: () => Promise<Attachment | undefined>): Promise<void> => {
      [open.value, ended.value, error.value] = [true, undefined, undefined];
      terminal.reset();
      try {
        const attached = await attachment();
        if (attached) await attach(attached);
      } catch (reason) {
        if (!(reason instanceof DOMException)) fail(reason);
      } finally {
        open.value = false;
        queue = undefined;
        resized = () => {};
      }
    };
    const exec = async (): Promise<Attachment | undefined> => {
      const stopping = new AbortController();
      const { id: container, namespace } = props.container;
      const size = { columns: terminal.cols, rows: terminal.rows };
      const request = {
        namespace,
        args: splitCommand(command.value) ?? [SHELL],
        terminal: true,
        env: ['TERM=xterm-256color'],
        ...size,
      };
      leave = () => stopping.abort();
      const events = execInContainer(container, request, { signal: stopping.signal })[Symbol.asyncIterator]();
      const { done, value } = await events.next();
      if (done || value.kind !== 'session') return undefined;
      return { session: value.session, events, leave: () => stopping.abort() };
    };

    const resize = new ResizeObserver(() => fit.fit());
    onMounted(() => {
      if (!place.value || !frame.value) return;
      terminal.loadAddon(fit);
      terminal.open(place.value);
      terminal.options.theme = terminalTheme();
      // Tab is the shell's; these keys give the focus back to the page.
      terminal.attachCustomKeyEventHandler((event) => {
        if (!(event.ctrlKey && event.shiftKey && event.key === 'Escape')) return true;
        frame.value?.querySelector<HTMLElement>('input')?.focus();
        return false;
      });
      terminal.onData((text) => queue?.add(text));
      terminal.onResize(() => resized());
      resize.observe(place.value);
      const waiting = takeOver(props.container.id);
      if (waiting) void begin(async () => waiting);
    });
    watch(isDark, () => (terminal.options.theme = terminalTheme()), { flush: 'post' });
    onScopeDispose(() => {
      resize.disconnect();
      leave();
      terminal.dispose();
    });

    return () => {
      const words = t().containers;
      const runs = props.container.state === 'running';
      return (
        <div ref={frame} class="stack">
          <form
            class="fields"
            onSubmit={(event) => {
              event.preventDefault();
              if (!open.value && runs) void begin(exec);
            }}
          >
            <div class="field field-wide">
              <label for={id}>{words.execCommand}</label>
              <input
                id={id}
                class="mono"
                value={command.value}
                onInput={(event) => (command.value = (event.target as HTMLInputElement).value)}
              />
            </div>
            <button type="submit" class="button button-primary" disabled={open.value || !runs}>
              {words.open}
            </button>
          </form>
          {runs || open.value ? null : <p class="quiet">{words.notRunning}</p>}
          {error.value ? <ErrorNote error={error.value} /> : null}
          {ended.value === undefined ? null : (
            <p class="quiet" role="status">
              {words.terminalEnded(ended.value)}
            </p>
          )}
          <div ref={place} class="term-place" role="group" aria-label={words.terminalLabel} />
        </div>
      );
    };
  },
  { props: ['container'] },
);
