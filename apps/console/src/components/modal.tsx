import { defineComponent, onMounted, ref, useId } from 'vue';
import { t } from '../i18n/index.ts';
import { Icon } from './icon.tsx';

/** A dialog over the page: the browser keeps the focus in it, Escape closes it. The slot `actions` is its foot. */
export const Modal = defineComponent(
  (props: { readonly title: string; readonly onClose: () => void }, { slots }) => {
    const dialog = ref<HTMLDialogElement>();
    const id = useId();
    onMounted(() => dialog.value?.showModal());
    return () => (
      <dialog
        ref={dialog}
        class="modal"
        aria-labelledby={id}
        onCancel={(event) => {
          event.preventDefault();
          props.onClose();
        }}
      >
        <header class="modal-head">
          <h2 id={id}>{props.title}</h2>
          <button
            type="button"
            class="button button-icon"
            aria-label={t().words.close}
            onClick={props.onClose}
          >
            <Icon name="close" />
          </button>
        </header>
        <div class="modal-body">{slots['default']?.()}</div>
        <footer class="modal-foot">{slots['actions']?.()}</footer>
      </dialog>
    );
  },
  { props: ['title', 'onClose'] },
);
