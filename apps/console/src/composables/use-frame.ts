import { onScopeDispose } from 'vue';

/** Runs `work` once in the next animation frame, however often it is asked for before that. */
export function useFrame(work: (now: number) => void): () => void {
  let handle = 0;
  onScopeDispose(() => cancelAnimationFrame(handle));
  return () => {
    if (handle !== 0) return;
    handle = requestAnimationFrame((now) => {
      handle = 0;
      work(now);
    });
  };
}
