import { shallowRef, watch, type ShallowRef } from 'vue';
import type { DaemonEvent } from '@lade/control-protocol';
import { pageVisible } from '../composables/use-visible.ts';
import { EventRing } from '../pages/events/event-ring.ts';
import type { ApiError } from './api-error.ts';
import { followStream } from './stream.ts';

const CAPACITY = 5000;

export interface EventFeed {
  readonly ring: EventRing;
  /** Counts up once per animation frame in which something came: the one thing that is reactive. */
  readonly version: ShallowRef<number>;
  readonly lost: ShallowRef<number>;
  readonly error: ShallowRef<ApiError | undefined>;
  /** Calls back with each batch, until the result is called. */
  readonly listen: (listener: Listener) => () => void;
}

type Listener = (events: readonly DaemonEvent[]) => void;

/** The events of the daemon, followed once for all pages while the page can be seen; goes on where it left off. */
export function openEventFeed(): EventFeed {
  const ring = new EventRing(CAPACITY);
  const [version, lost] = [shallowRef(0), shallowRef(0)];
  const error = shallowRef<ApiError>();
  const listeners = new Set<Listener>();
  let since: number | undefined;
  let waiting: DaemonEvent[] = [];
  let following = new AbortController();

  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    for (const event of batch) ring.add(event);
    for (const listener of listeners) listener(batch);
    version.value++;
  };
  const take = (batch: readonly DaemonEvent[]): void => {
    if (waiting.length === 0) requestAnimationFrame(flush);
    for (const event of batch) {
      if (event.kind === 'lost') lost.value += Number(event['count'] ?? 0);
      else waiting.push(event);
      since = event.id ?? since;
    }
  };
  const broken = (reason: ApiError | undefined): void => {
    error.value = reason;
  };
  const call = () => ({ path: '/events', query: { follow: true, since } });
  watch(
    pageVisible,
    (visible) => {
      following.abort();
      following = new AbortController();
      if (visible) void followStream<DaemonEvent>({ call, take, broken }, following.signal);
    },
    { immediate: true },
  );
  const listen = (listener: Listener): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return { ring, version, lost, error, listen };
}
