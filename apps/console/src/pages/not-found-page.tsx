import type { FunctionalComponent } from 'vue';
import { RouterLink } from 'vue-router';
import { EmptyNote } from '../components/empty-note.tsx';
import { t } from '../i18n/index.ts';

export const NotFoundPage: FunctionalComponent = () => (
  <EmptyNote icon="search" title={t().app.notFound} text="">
    <RouterLink class="button" to="/">
      {() => t().app.backHome}
    </RouterLink>
  </EmptyNote>
);
