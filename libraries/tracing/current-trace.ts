import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span } from './span.ts';
import type { TraceContext } from './trace-context.ts';

/** Where the code that runs now stands. */
export interface Place {
  trace: TraceContext;
  readonly span?: Span;
}

const places = new AsyncLocalStorage<Place | undefined>();

/** What runs now belongs to it. */
export function currentTrace(): TraceContext | undefined {
  return places.getStore()?.trace;
}

/** Everything that `work` leads to belongs to `trace`, or to none. */
export function inTrace<T>(trace: TraceContext | undefined, work: () => T): T {
  return places.run(trace && { trace }, work);
}

/**
 * The call that is being answered has turned out to belong to another trace. To be called before anything has come of it: what
 * was told already stays where it was.
 */
export function joinTrace(trace: TraceContext): void {
  const place = places.getStore();
  if (place) place.trace = place.span?.moveTo(trace) ?? trace;
}

export function currentPlace(): Place | undefined {
  return places.getStore();
}

export function atPlace<T>(place: Place | undefined, work: () => T): T {
  return places.run(place, work);
}
