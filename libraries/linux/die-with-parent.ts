import { constants } from 'node:os';
import { callNow, declare } from './libc.ts';

const prctl = declare('int prctl(int, unsigned long)');
const PR_SET_PDEATHSIG = 1;

/**
 * prctl(2): the kernel sends this process `signal` when its parent, process `parentPid`, dies. One that died before the
 * call counts too. To be called once, early, with the pid that the parent passed on.
 */
export function dieWithParent(parentPid: number, signal: NodeJS.Signals = 'SIGTERM'): void {
  callNow(prctl, 'Cannot follow the parent process', PR_SET_PDEATHSIG, constants.signals[signal]);
  if (process.ppid !== parentPid) process.kill(process.pid, signal);
}
