import { defineComponent, ref, shallowRef } from 'vue';
import { toApiError, type ApiError } from '../api/api-error.ts';
import { t } from '../i18n/index.ts';
import { ErrorNote } from './error-note.tsx';
import { Modal } from './modal.tsx';

/** Asks before something is lost, does it, and stays with the reason when that fails. */
export const ConfirmDialog = defineComponent(
  (props: {
    readonly title: string;
    readonly text: string;
    readonly action: string;
    readonly run: () => Promise<void>;
    readonly onClose: () => void;
  }) => {
    const running = ref(false);
    const error = shallowRef<ApiError>();
    const run = async (): Promise<void> => {
      running.value = true;
      error.value = undefined;
      try {
        await props.run();
        props.onClose();
      } catch (reason) {
        error.value = toApiError(reason);
      } finally {
        running.value = false;
      }
    };
    return () => (
      <Modal title={props.title} onClose={props.onClose}>
        {{
          default: () => [<p>{props.text}</p>, error.value ? <ErrorNote error={error.value} /> : null],
          actions: () => [
            <button type="button" class="button" onClick={props.onClose}>
              {t().words.cancel}
            </button>,
            <button
              type="button"
              class="button button-danger"
              disabled={running.value}
              onClick={() => void run()}
            >
              {props.action}
            </button>,
          ],
        }}
      </Modal>
    );
  },
  { props: ['title', 'text', 'action', 'run', 'onClose'] },
);
