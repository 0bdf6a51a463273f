import type { FunctionalComponent } from 'vue';
import { RouterLink } from 'vue-router';
import { PageHead } from '../components/panel.tsx';
import { t } from '../i18n/index.ts';

export const NotFoundPage: FunctionalComponent = () => (
  <div class="page">
    <PageHead title={t().app.notFound} subtitle="">
      <RouterLink class="button" to="/">
        {() => t().app.backHome}
      </RouterLink>
    </PageHead>
  </div>
);
