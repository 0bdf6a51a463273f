import type { FunctionalComponent } from 'vue';

/** Around a table that may be wider than the page: scrolled by itself, with the keyboard too. */
export const TableWrap: FunctionalComponent<{ readonly label: string; readonly class?: string }> = (
  { label },
  { slots },
) => (
  <div class="table-wrap" role="group" tabindex={0} aria-label={label}>
    {slots['default']?.()}
  </div>
);
TableWrap.props = ['label'];
