import type { Route } from './route.ts';

export const statusRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    access: 'open',
    handle: async (platform, { signal }) => ({ document: await platform.status({ signal }) }),
  },
];
