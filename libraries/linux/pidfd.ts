import { closeSync } from 'node:fs';
import { callNow, declare } from './libc.ts';

/** By number, the same on every architecture, for C libraries that do not wrap them. */
const SYS = { pidfdOpen: 434, pidfdGetfd: 438 } as const;
const pidfdOpen = declare('long syscall(long, long, long)');
const pidfdGetfd = declare('long syscall(long, long, long, long)');

/**
 * pidfd_getfd(2), Linux 5.6: descriptors of this process for what process `pid` has open under `numbers`, in their order,
 * close-on-exec, for the caller to close. They share offset, flags and queue with the other's, as after dup(2). All or none;
 * throws with errno ESRCH when there is no such process, EBADF when it has nothing open under a number. Needs ptrace rights.
 */
export function copyDescriptors(pid: number, numbers: readonly number[]): number[] {
  const attempted = `Cannot copy descriptors of process ${pid}`;
  const handle = callNow(pidfdOpen, attempted, SYS.pidfdOpen, pid, 0);
  const copies: number[] = [];
  try {
    for (const number of numbers)
      copies.push(callNow(pidfdGetfd, attempted, SYS.pidfdGetfd, handle, number, 0));
    return copies;
  } catch (reason) {
    copies.forEach((copy) => closeSync(copy));
    throw reason;
  } finally {
    closeSync(handle);
  }
}
