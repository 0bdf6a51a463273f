import { readFileSync } from 'node:fs';

/**
 * When process `pid` started, in clock ticks since boot, which tells it from a later one of the same pid. Undefined when it
 * does not run; one that has ended without its parent having looked does not.
 */
export function processStart(pid: number): string | undefined {
  const stat = readStat(pid);
  // proc_pid_stat(5). The name, in parentheses, may hold anything; then come field 3, the state, 20, how many threads there
  // are, and 22, the start. While it has other threads, the files of a zombie are still open.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads, start] = [fields[0], fields[17], fields[19]];
  return state === 'Z' && threads === '1' ? undefined : start;
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}
