import { readFileSync, writeFileSync } from 'node:fs';

/** The kernel never kills a process with this one for its memory. */
export const NEVER_KILL = '-1000';

/** proc_pid_oom_score_adj(5) of this process. */
export function oomScore(): string {
  return readFileSync('/proc/self/oom_score_adj', 'latin1').trim();
}

/** Sets that of a process; without the right to, or when it is gone, nothing happens. */
export function setOomScore(pid: number, score: string): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, score);
  } catch {
    // A wish: what is killed is started again.
  }
}
