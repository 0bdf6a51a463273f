import { defineComponent, ref, useId } from 'vue';
import { tokenQuestion } from '../api/token.ts';
import { t } from '../i18n/index.ts';
import { Modal } from './modal.tsx';

/** Asks for the token when the daemon does, and says where it is. */
export const TokenDialog = defineComponent(
  (props: { readonly root: string | undefined }) => {
    const token = ref('');
    const id = useId();
    const use = (): void => {
      const given = token.value.trim();
      token.value = '';
      if (given !== '') tokenQuestion.value?.answer(given);
    };
    return () => {
      const question = tokenQuestion.value;
      if (!question) return null;
      const words = t().token;
      return (
        <Modal title={words.title} onClose={() => question.answer(undefined)}>
          {{
            default: () => [
              <p>{question.refused ? words.refused : words.why}</p>,
              <p class="cure">
                <span class="cure-label">{words.where}</span>
                {words.whereText(`${props.root ?? '<root>'}/control-token`)}
              </p>,
              <form
                id={`${id}-form`}
                class="field"
                onSubmit={(event) => {
                  event.preventDefault();
                  use();
                }}
              >
                <label for={id}>{words.label}</label>
                <input
                  id={id}
                  type="password"
                  autocomplete="off"
                  autofocus
                  value={token.value}
                  onInput={(event) => (token.value = (event.target as HTMLInputElement).value)}
                />
                <small>{words.kept}</small>
              </form>,
            ],
            actions: () => [
              <button type="button" class="button" onClick={() => question.answer(undefined)}>
                {t().words.cancel}
              </button>,
              <button
                type="submit"
                form={`${id}-form`}
                class="button button-primary"
                disabled={token.value.trim() === ''}
              >
                {words.use}
              </button>,
            ],
          }}
        </Modal>
      );
    };
  },
  { props: ['root'] },
);
