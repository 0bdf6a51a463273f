import { useId, type FunctionalComponent } from 'vue';
import { defineComponent } from 'vue';

/** A titled part of a page; the slot `actions` is at the right of the title. */
export const Panel = defineComponent(
  (props: { readonly title: string; readonly note?: string; readonly flush?: boolean }, { slots }) => {
    const id = useId();
    return () => (
      <section class={['panel', props.flush ? 'panel-flush' : '']} aria-labelledby={id}>
        <header class="panel-head">
          <h2 id={id}>{props.title}</h2>
          {props.note === undefined ? null : <span class="panel-note">{props.note}</span>}
          <div class="panel-actions">{slots['actions']?.()}</div>
        </header>
        <div class="panel-body">{slots['default']?.()}</div>
      </section>
    );
  },
  { props: ['title', 'note', 'flush'] },
);

export const PageHead: FunctionalComponent<{ readonly title: string; readonly subtitle: string }> = (
  { title, subtitle },
  { slots },
) => (
  <header class="page-head">
    <div>
      <h1>{title}</h1>
      <p>{subtitle}</p>
    </div>
    <div class="page-actions">{slots['default']?.()}</div>
  </header>
);
PageHead.props = ['title', 'subtitle'];
