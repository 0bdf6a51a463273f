import type { Route } from './route.ts';

export const statusRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    access: 'open',
    handle: async (platform, { signal }) => ({ document: await platform.status({ signal }) }),
  },
  {
    method: 'GET',
    path: '/v1/namespaces',
    access: 'open',
    handle: async (platform, { signal }) => ({
      document: { namespaces: await platform.namespaces({ signal }) },
    }),
  },
  {
    method: 'GET',
    path: '/v1/nodes',
    access: 'open',
    handle: async (platform, { signal }) => ({ document: { nodes: await platform.nodes({ signal }) } }),
  },
  {
    method: 'GET',
    path: '/v1/console',
    access: 'token',
    handle: async (platform) => ({ document: platform.console() }),
  },
];
