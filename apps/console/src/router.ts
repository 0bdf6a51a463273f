import { createRouter, createWebHashHistory, type Router } from 'vue-router';

/** Addresses stay behind the #: the daemon has one page, and digests in addresses reach no log. */
export function openRouter(): Router {
  return createRouter({
    history: createWebHashHistory(),
    routes: [
      {
        path: '/',
        name: 'overview',
        component: async () => (await import('./pages/overview/overview-page.tsx')).OverviewPage,
      },
      {
        path: '/images',
        name: 'images',
        component: async () => (await import('./pages/images/images-page.tsx')).ImagesPage,
      },
      {
        path: '/layers/:diffId?',
        name: 'layer',
        component: async () => (await import('./pages/layer/layer-page.tsx')).LayerPage,
      },
      {
        path: '/bucket',
        name: 'bucket',
        component: async () => (await import('./pages/bucket/bucket-page.tsx')).BucketPage,
      },
      {
        path: '/containers',
        name: 'containers',
        component: async () => (await import('./pages/containers/containers-page.tsx')).ContainersPage,
      },
      {
        path: '/containers/:namespace/:id',
        name: 'container',
        component: async () => (await import('./pages/containers/container-page.tsx')).ContainerPage,
      },
      {
        path: '/events',
        name: 'events',
        component: async () => (await import('./pages/events/events-page.tsx')).EventsPage,
      },
      {
        path: '/:rest(.*)*',
        name: 'not-found',
        component: async () => (await import('./pages/not-found-page.tsx')).NotFoundPage,
      },
    ],
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  });
}
