import { onScopeDispose, ref, type Ref } from 'vue';
import { pageVisible } from './use-visible.ts';

/** The time of the moment, coarse: for “3 minutes ago”. */
export function useNow(): Ref<number> {
  const now = ref(Date.now());
  const timer = setInterval(() => {
    if (pageVisible.value) now.value = Date.now();
  }, 5000);
  onScopeDispose(() => clearInterval(timer));
  return now;
}
