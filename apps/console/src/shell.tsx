import { defineComponent, provide, watch, watchEffect } from 'vue';
import { RouterLink, RouterView, useRoute, useRouter } from 'vue-router';
import { fetchNamespaces, fetchStatus } from './api/endpoints.ts';
import { openEventFeed } from './api/event-feed.ts';
import { Icon, type IconName } from './components/icon.tsx';
import { NamespaceChoice } from './components/namespace-choice.tsx';
import { TokenDialog } from './components/token-dialog.tsx';
import { EVENT_FEED } from './composables/event-feed.ts';
import { learnNamespaces, namespace } from './composables/namespace.ts';
import { STATUS } from './composables/status.ts';
import { usePoll } from './composables/use-poll.ts';
import { t } from './i18n/index.ts';
import { Preferences } from './components/preferences.tsx';

const STATUS_EVERY_MS = 2000;
const NAMESPACES_EVERY_MS = 30_000;

const PAGES = [
  ['overview', '/'],
  ['images', '/images'],
  ['containers', '/containers'],
  ['bucket', '/bucket'],
  ['events', '/events'],
] as const satisfies readonly (readonly [IconName, string])[];

/** What is around every page: where one can go, and how the daemon is. */
export const Shell = defineComponent(() => {
  const status = usePoll(fetchStatus, STATUS_EVERY_MS);
  provide(STATUS, status);
  provide(EVENT_FEED, openEventFeed());
  const found = usePoll(fetchNamespaces, NAMESPACES_EVERY_MS).value;
  watch(found, (names) => learnNamespaces(names ?? []));
  const [route, router] = [useRoute(), useRouter()];
  // What is open there is of the namespace from before.
  const onNamespace = (): void => {
    if (route.name === 'container') void router.push({ name: 'containers' });
  };
  watchEffect(() => {
    const names: Readonly<Record<string, string>> = t().app.pages;
    const name = String(route.name ?? '');
    document.title = name in names ? `${names[name]} · Lade` : 'Lade';
  });
  const isCurrent = (path: string): boolean =>
    path === '/'
      ? route.path === '/'
      : route.path.startsWith(path) || (path === '/images' && route.name === 'layer');
  return () => (
    <div class="shell">
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector<HTMLElement>('#content')?.focus();
        }}
      >
        {t().app.skip}
      </a>
      <header class="bar">
        <RouterLink class="brand" to="/">
          {() => [<Hull />, <span>Lade</span>]}
        </RouterLink>
        <nav class="nav" aria-label={t().app.navigation}>
          {PAGES.map(([name, path]) => (
            <RouterLink
              key={name}
              class={['nav-link', isCurrent(path) ? 'nav-current' : '']}
              to={path}
              aria-current={isCurrent(path) ? 'page' : undefined}
            >
              {() => [<Icon name={name} />, <span>{t().app.pages[name]}</span>]}
            </RouterLink>
          ))}
        </nav>
        <div class="bar-foot">
          <NamespaceChoice onChosen={onNamespace} />
          <div class={['daemon', status.error.value ? 'daemon-bad' : '']} title={status.value.value?.root}>
            <span class="daemon-dot" aria-hidden="true" />
            {status.error.value ? t().app.unreachable : `lade ${status.value.value?.version ?? '…'}`}
          </div>
          <Preferences />
        </div>
      </header>
      <main id="content" class="content" tabindex={-1}>
        {/* A page asks for what it shows in one namespace. */}
        <RouterView key={namespace.value} />
      </main>
      <TokenDialog root={status.value.value?.root} />
    </div>
  );
});

/** The mark: a bucket, seen from the side. */
function Hull() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="brand-hull" d="M7 13h18l-2.6 9.2a3 3 0 0 1-2.9 2.2h-7a3 3 0 0 1-2.9-2.2z" />
      <path class="brand-handle" d="M10 10.5a6 6 0 0 1 12 0" />
    </svg>
  );
}
