import { PROMETHEUS_TEXT, formatMetrics } from './prometheus-text.ts';
import type { Route } from './route.ts';

export const metricRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/metrics',
    access: 'open',
    handle: async (platform) => ({ text: formatMetrics(await platform.metrics()), type: PROMETHEUS_TEXT }),
  },
];
