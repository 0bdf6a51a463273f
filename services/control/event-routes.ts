import { readEventQuery } from './read-event-query.ts';
import type { Route } from './route.ts';

export const eventRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/events',
    access: 'open',
    async handle(platform, { request, signal }) {
      const query = readEventQuery(request);
      return { events: platform.events(query, { signal }), isEndless: query.follow === true };
    },
  },
];
