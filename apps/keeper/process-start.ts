import { readFileSync } from 'node:fs';

/**
 * When process `pid` started, in clock ticks since boot, which tells it from a later one of the same pid. Undefined when it
 * does not run; one that has ended without its parent having looked does not.
 */
export function processStart(pid: number): string | undefined {
  const { state, threads, start } = statOf(pid);
  // While it has other threads, the files of a zombie are still open.
  return state === 'Z' && threads === '1' ? undefined : start;
}

/** Whether the process was killed, but a thread of it has to wait for something in the kernel first. */
export function isStuckInDeath(pid: number): boolean {
  const { state, threads } = statOf(pid);
  return state === 'Z' && threads !== '1';
}

/** proc_pid_stat(5). The name, in parentheses, may hold anything; then come field 3, the state, 20, the threads, and 22, the start. */
function statOf(pid: number): Record<'state' | 'threads' | 'start', string | undefined> {
  const stat = readStat(pid);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], threads: fields[17], start: fields[19] };
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}
