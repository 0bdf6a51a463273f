import { defineComponent, reactive, ref, shallowRef, useId } from 'vue';
import { useRouter } from 'vue-router';
import type { RunRequest } from '@lade/control-protocol';
import { toApiError, type ApiError } from '../../api/api-error.ts';
import { runContainer } from '../../api/endpoints.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Modal } from '../../components/modal.tsx';
import { namespace } from '../../composables/namespace.ts';
import { shortImage } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { handOver } from '../containers/attached-runs.ts';
import { splitCommand } from './split-command.ts';

/** Asks how to run an image, starts it, and goes to its container. */
export const RunDialog = defineComponent(
  (props: { readonly image: string; readonly onClose: () => void }) => {
    const router = useRouter();
    const form = reactive({
      command: '',
      env: '',
      id: '',
      terminal: false,
      hostNetwork: false,
      remove: false,
    });
    const starting = ref(false);
    const error = shallowRef<ApiError>();
    const id = useId();

    const start = async (): Promise<void> => {
      starting.value = true;
      error.value = undefined;
      try {
        const request = requestOf(props.image, form);
        const started = await startContainer(request);
        props.onClose();
        await router.push({ name: 'container', params: { namespace: request.namespace, id: started } });
      } catch (reason) {
        error.value = toApiError(reason);
      } finally {
        starting.value = false;
      }
    };
    const problem = (): string | undefined => {
      const bad = lines(form.env).find((line) => !/^[^=]+=/.test(line));
      if (bad !== undefined) return t().images.badEnvironment(bad);
      return splitCommand(form.command) === undefined ? t().images.badCommand : undefined;
    };
    const text = (name: 'command' | 'env' | 'id') => (event: Event) => {
      form[name] = (event.target as HTMLInputElement).value;
    };
    return () => {
      const words = t().images;
      return (
        <Modal title={words.runTitle(shortImage(props.image))} onClose={props.onClose}>
          {{
            default: () => (
              <form
                id={`${id}-form`}
                class="stack"
                onSubmit={(event) => {
                  event.preventDefault();
                  if (problem() === undefined) void start();
                }}
              >
                <div class="field">
                  <label for={`${id}-command`}>{words.command}</label>
                  <input
                    id={`${id}-command`}
                    class="mono"
                    autofocus
                    value={form.command}
                    onInput={text('command')}
                  />
                  <small>{words.commandHint}</small>
                </div>
                <div class="field">
                  <label for={`${id}-env`}>{words.environment}</label>
                  <textarea id={`${id}-env`} rows={2} value={form.env} onInput={text('env')} />
                  <small>{words.environmentHint}</small>
                </div>
                <div class="field">
                  <label for={`${id}-id`}>
                    {words.containerName} <small>({t().words.optional})</small>
                  </label>
                  <input
                    id={`${id}-id`}
                    pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
                    value={form.id}
                    onInput={text('id')}
                  />
                </div>
                {(['terminal', 'hostNetwork', 'remove'] as const).map((name) => (
                  <label class="check" key={name}>
                    <input type="checkbox" checked={form[name]} onChange={() => (form[name] = !form[name])} />
                    {name === 'remove' ? words.removeAfter : words[name]}
                  </label>
                ))}
                {problem() === undefined ? null : <p class="form-problem">{problem()}</p>}
                {error.value ? <ErrorNote error={error.value} /> : null}
              </form>
            ),
            actions: () => [
              <button type="button" class="button" onClick={props.onClose}>
                {t().words.cancel}
              </button>,
              <button
                type="submit"
                form={`${id}-form`}
                class="button button-primary"
                disabled={starting.value || problem() !== undefined}
              >
                {starting.value ? words.starting : words.start}
              </button>,
            ],
          }}
        </Modal>
      );
    };
  },
  { props: ['image', 'onClose'] },
);

interface RunForm {
  readonly command: string;
  readonly env: string;
  readonly id: string;
  readonly terminal: boolean;
  readonly hostNetwork: boolean;
  readonly remove: boolean;
}

type ScopedRun = RunRequest & { readonly namespace: string };

function requestOf(image: string, { command, env, id, terminal, hostNetwork, remove }: RunForm): ScopedRun {
  const [args = [], variables] = [splitCommand(command), lines(env)];
  return {
    image,
    namespace: namespace.value,
    ...(id === '' ? {} : { id }),
    ...(args.length === 0 ? {} : { args }),
    ...(variables.length === 0 ? {} : { env: variables }),
    ...(terminal ? { terminal } : { detach: true }),
    ...(hostNetwork ? { hostNetwork } : {}),
    ...(remove ? { remove } : {}),
  };
}

/** Resolves with the container's id when it runs. One with a terminal is handed to the page of the container. */
async function startContainer(request: RunRequest): Promise<string> {
  const leaving = new AbortController();
  const events = runContainer(request, { signal: leaving.signal })[Symbol.asyncIterator]();
  let id = '';
  for (;;) {
    const { done, value } = await events.next();
    if (done) return id;
    if (value.kind === 'created' || value.kind === 'started') id = value.id;
    if (value.kind === 'session') {
      handOver(id, { session: value.session, events, leave: () => leaving.abort() });
      return id;
    }
    if (value.kind === 'started' && !request.terminal) {
      leaving.abort();
      return id;
    }
  }
}

function lines(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
