import { defineComponent, ref, shallowRef } from 'vue';
import type { ContainerSummary } from '@lade/control-protocol';
import { toApiError, type ApiError } from '../../api/api-error.ts';
import { removeContainer, stopContainer } from '../../api/endpoints.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { Modal } from '../../components/modal.tsx';
import { t } from '../../i18n/index.ts';

/** Stop and remove. */
export const ContainerActions = defineComponent(
  (props: {
    readonly container: ContainerSummary;
    readonly onChanged: () => void;
    readonly compact?: boolean;
  }) => {
    const [stopping, removing] = [ref(false), ref(false)];
    const error = shallowRef<ApiError>();
    const stop = async (): Promise<void> => {
      stopping.value = true;
      try {
        await stopContainer(props.container.id, props.container.namespace);
      } catch (reason) {
        error.value = toApiError(reason);
      } finally {
        stopping.value = false;
        props.onChanged();
      }
    };
    return () => {
      const words = t().containers;
      const { id, namespace, state } = props.container;
      const runs = state === 'running' || state === 'paused';
      return (
        <div class="row-actions">
          {runs ? (
            <button type="button" class="button" disabled={stopping.value} onClick={() => void stop()}>
              <Icon name="stop" />
              {stopping.value ? words.stopping : words.stop}
            </button>
          ) : null}
          <button
            type="button"
            class={['button', props.compact ? 'button-icon' : '']}
            aria-label={`${t().words.remove} ${id}`}
            title={t().words.remove}
            onClick={() => (removing.value = true)}
          >
            <Icon name="trash" />
            {props.compact ? null : t().words.remove}
          </button>
          {removing.value ? (
            <ConfirmDialog
              title={words.removeTitle(id)}
              text={runs ? `${words.removeRunning} ${words.removeText}` : words.removeText}
              action={t().words.remove}
              run={async () => {
                await removeContainer(id, namespace, runs);
                props.onChanged();
              }}
              onClose={() => (removing.value = false)}
            />
          ) : null}
          {error.value ? (
            <Modal title={words.stop} onClose={() => (error.value = undefined)}>
              {() => <ErrorNote error={error.value as ApiError} />}
            </Modal>
          ) : null}
        </div>
      );
    };
  },
  { props: ['container', 'onChanged', 'compact'] },
);
