import { inject, type InjectionKey } from 'vue';
import type { EventFeed } from '../api/event-feed.ts';

export const EVENT_FEED: InjectionKey<EventFeed> = Symbol('events');

export function useEventFeed(): EventFeed {
  const feed = inject(EVENT_FEED);
  if (!feed) throw new TypeError('pages live in the shell');
  return feed;
}
