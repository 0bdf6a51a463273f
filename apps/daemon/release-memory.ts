import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimHeap } from '@lade/linux';

/** What V8 offers when asked to; Node.js has no types for it. */
type CollectGarbage = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

const LOOK_MS = 1_000;
/** Of the time: less than a pull takes, more than completing layers in the background does. */
const IDLE_SHARE = 0.25;
/** Code that is in use has to be compiled again afterwards: only after so much work. */
const WORK_MS = 2_000;

/** Gives memory back as soon as this thread is idle: once after the start, then whenever it has worked for long. */
export function releaseMemoryWhenIdle(): void {
  let workMs = WORK_MS;
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const { utilization, active } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    workMs += active;
    if (utilization > IDLE_SHARE || workMs < WORK_MS) return;
    releaseMemory();
    workMs = 0;
  }, LOOK_MS).unref();
}

/**
 * Gives back what a start, a conversion or an upload has used: buffers of megabytes that nothing refers to any more, code
 * that ran once, half-empty pages. V8 would keep them for as long as the daemon idles.
 */
export function releaseMemory(): void {
  collectorOfGarbage()({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimHeap();
}

/** Not a flag of the command line: under one, Node.js has to compile its own code at every start, which every `lade` would pay for. */
function collectorOfGarbage(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as CollectGarbage;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
