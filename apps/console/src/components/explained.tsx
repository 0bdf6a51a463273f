import { defineComponent, ref, useId } from 'vue';

/** A word that tells more about itself: to the pointer, to the keyboard, and to those who touch it. */
export const Explained = defineComponent(
  (props: { readonly word: string; readonly text: string }) => {
    const open = ref(false);
    const at = ref({ left: '0', top: '0' });
    const id = useId();
    const show = (event: Event): void => {
      const { left, bottom } = (event.currentTarget as HTMLElement).getBoundingClientRect();
      at.value = { left: `${Math.max(8, Math.min(left, innerWidth - 296))}px`, top: `${bottom + 4}px` };
      open.value = true;
    };
    const hide = (): void => {
      open.value = false;
    };
    return () => (
      <span class="explained" onMouseenter={show} onMouseleave={hide}>
        <button
          type="button"
          class="explained-word"
          aria-describedby={id}
          onFocus={show}
          onBlur={hide}
          onClick={show}
          onKeydown={(event) => {
            if (event.key === 'Escape') hide();
          }}
        >
          {props.word}
        </button>
        <span id={id} role="tooltip" class="explained-text" hidden={!open.value} style={at.value}>
          {props.text}
        </span>
      </span>
    );
  },
  { props: ['word', 'text'] },
);
