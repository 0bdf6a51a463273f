import { trimHeap } from '@lade/linux';

/** What `node --expose-gc` offers; the newer flavours are missing in its types. */
type CollectGarbage = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

const LOOK_MS = 2_000;
/** Of the time: less than any work takes, more than timers do. */
const IDLE_SHARE = 0.02;

/**
 * Gives memory back once, as soon as this thread has been idle for a while: code that is in use would have to be compiled again.
 */
export function releaseMemoryWhenIdle(): void {
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    if (utilization > IDLE_SHARE) return;
    clearInterval(timer);
    releaseMemory();
  }, LOOK_MS).unref();
}

/**
 * Gives back what a start, a conversion or an upload has used: buffers of megabytes that nothing refers to any more, code
 * that ran once, half-empty pages. V8 would keep them for as long as the daemon idles. Full effect needs `node --expose-gc`.
 */
export function releaseMemory(): void {
  const collect = globalThis.gc as CollectGarbage | undefined;
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimHeap();
}
