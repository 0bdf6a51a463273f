import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue';
import type { ApiError } from '../api/api-error.ts';
import type { Call } from '../api/request.ts';
import { followStream } from '../api/stream.ts';
import { pageVisible } from './use-visible.ts';

/** Follows a stream while the page can be seen and the component lives. The result says why it does not at the moment. */
export function useFollow<T extends object>(
  call: () => Call | undefined,
  take: (batch: readonly T[]) => void,
): ShallowRef<ApiError | undefined> {
  const error = shallowRef<ApiError>();
  let following = new AbortController();
  const restart = (): void => {
    following.abort();
    following = new AbortController();
    if (!pageVisible.value || call() === undefined) return;
    const broken = (reason: ApiError | undefined): void => {
      error.value = reason;
    };
    void followStream<T>({ call: () => call() ?? { path: '' }, take, broken }, following.signal);
  };
  watch(pageVisible, restart, { immediate: true });
  onScopeDispose(() => following.abort());
  return error;
}
