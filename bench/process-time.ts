import { readFile, readdir } from 'node:fs/promises';

/** What proc_pid_stat(5) counts in: USER_HZ, 100 on every Linux. */
const TICK_MS = 10;
/** Fields of proc_pid_stat(5), from 1: utime, stime, cutime, cstime. */
const TIME_FIELDS = [14, 15, 16, 17];

/** Milliseconds of processor time that a process has used, with the children that it has waited for. */
export async function readCpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  // The second field is a name in parentheses, with any characters in it.
  const fromThird = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TIME_FIELDS.reduce((sum, field) => sum + Number(fromThird[field - 3]) * TICK_MS, 0);
}

/** The process that runs with exactly these arguments; throws RangeError when there is none. */
export async function findProcess(args: readonly string[]): Promise<number> {
  const wanted = args.map((arg) => `${arg}\0`).join('');
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const found = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (found === wanted) return Number(pid);
  }
  throw new RangeError(`no process runs ${args.join(' ')}`);
}
