import { bucketRoutes } from './bucket-routes.ts';
import { containerRoutes } from './container-routes.ts';
import { imageRoutes } from './image-routes.ts';
import { layerRoutes } from './layer-routes.ts';
import { metricRoutes } from './metric-routes.ts';
import type { Route } from './route.ts';
import { sessionRoutes } from './session-routes.ts';
import { statusRoutes } from './status-routes.ts';

/** Everything that openapi.yaml describes, and nothing else. */
export const ROUTES: readonly Route[] = [
  ...statusRoutes,
  ...imageRoutes,
  ...layerRoutes,
  ...containerRoutes,
  ...sessionRoutes,
  ...bucketRoutes,
  ...metricRoutes,
];
