import type { FunctionalComponent } from 'vue';

export type Tone = 'good' | 'bad' | 'warn' | 'calm' | 'accent';

/** A state in a word, with a dot whose colour only repeats it. */
export const Badge: FunctionalComponent<{ readonly tone: Tone }> = ({ tone }, { slots }) => (
  <span class={['badge', `badge-${tone}`]}>
    <span class="badge-dot" aria-hidden="true" />
    {slots['default']?.()}
  </span>
);
Badge.props = ['tone'];
