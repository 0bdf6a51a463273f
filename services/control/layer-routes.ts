import type { Route } from './route.ts';

export const layerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/layers',
    access: 'open',
    handle: async (platform, { signal }) => ({ document: { layers: await platform.layers({ signal }) } }),
  },
];
