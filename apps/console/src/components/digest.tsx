import { defineComponent, onScopeDispose, ref } from 'vue';
import { shortDigest } from '../i18n/format.ts';
import { t } from '../i18n/index.ts';
import { Icon } from './icon.tsx';

/** The first twelve digits of a digest; a press copies all of it. */
export const Digest = defineComponent(
  (props: { readonly value: string }) => {
    const copied = ref(false);
    let timer: ReturnType<typeof setTimeout> | undefined;
    onScopeDispose(() => clearTimeout(timer));
    const copy = async (): Promise<void> => {
      await navigator.clipboard.writeText(props.value);
      copied.value = true;
      timer = setTimeout(() => (copied.value = false), 1500);
    };
    return () => (
      <button
        type="button"
        class="digest"
        title={props.value}
        aria-label={t().words.copy(shortDigest(props.value))}
        onClick={() => void copy().catch(() => {})}
      >
        <code>{shortDigest(props.value)}</code>
        <Icon name={copied.value ? 'check' : 'copy'} />
      </button>
    );
  },
  { props: ['value'] },
);
