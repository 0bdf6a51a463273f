import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue';
import type { ApiError } from '../api/api-error.ts';
import { followStream, type Follower } from '../api/stream.ts';
import { pageVisible } from './use-visible.ts';

/** Follows a stream while the page can be seen and the component lives. The result says why it does not at the moment. */
export function useFollow<T extends object>(
  follower: Omit<Follower<T>, 'broken'>,
): ShallowRef<ApiError | undefined> {
  const error = shallowRef<ApiError>();
  let following = new AbortController();
  const broken = (reason: ApiError | undefined): void => {
    error.value = reason;
  };
  watch(
    pageVisible,
    (visible) => {
      following.abort();
      following = new AbortController();
      if (visible) void followStream<T>({ ...follower, broken }, following.signal);
    },
    { immediate: true },
  );
  onScopeDispose(() => following.abort());
  return error;
}
