import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue';
import { isAbort, toApiError, type ApiError } from '../api/api-error.ts';
import { pageVisible } from './use-visible.ts';

export interface Polled<T> {
  /** The newest answer; kept while later ones fail. */
  readonly value: ShallowRef<T | undefined>;
  /** When it came: milliseconds since 1970, 0 before the first. */
  readonly at: ShallowRef<number>;
  /** Why the newest question has no answer. */
  readonly error: ShallowRef<ApiError | undefined>;
  /** Asks at once. */
  readonly refresh: () => void;
}

/** Asks now and every `everyMs` while the page can be seen and the component lives; with `everyMs` 0 only now and on demand. */
export function usePoll<T>(
  ask: (options: { readonly signal: AbortSignal }) => Promise<T>,
  everyMs: number,
): Polled<T> {
  const value = shallowRef<T>();
  const at = shallowRef(0);
  const error = shallowRef<ApiError>();
  let running = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const run = async (): Promise<void> => {
    clearTimeout(timer);
    running.abort();
    const { signal } = (running = new AbortController());
    try {
      value.value = await ask({ signal });
      at.value = Date.now();
      error.value = undefined;
    } catch (reason) {
      if (signal.aborted || isAbort(reason)) return;
      error.value = toApiError(reason);
    }
    if (!signal.aborted && everyMs > 0) timer = setTimeout(() => void run(), everyMs);
  };
  const stop = (): void => {
    clearTimeout(timer);
    running.abort();
  };

  watch(pageVisible, (visible) => (visible ? void run() : stop()), { immediate: true });
  onScopeDispose(stop);
  return { value, at, error, refresh: () => void run() };
}
