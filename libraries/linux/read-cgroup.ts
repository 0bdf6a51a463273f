import { closeSync, openSync, readSync } from 'node:fs';

/** A line for each hierarchy of version 1, of about fifteen that there are, and one of version 2. */
const bytes = Buffer.alloc(16 << 10);

/**
 * /proc/PID/cgroup: the control group of a process or thread, such as /default/name; the deepest, where it is in several
 * hierarchies. Undefined for one that is gone, or that this PID namespace does not have.
 */
export function readCgroup(pid: number): string | undefined {
  if (pid <= 0) return undefined;
  let descriptor: number;
  try {
    descriptor = openSync(`/proc/${pid}/cgroup`, 'r');
  } catch {
    return undefined;
  }
  try {
    return deepestCgroup(bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, null)));
  } catch {
    return undefined; // it ended meanwhile
  } finally {
    closeSync(descriptor);
  }
}

/** Of what /proc/PID/cgroup says, a line `ID:CONTROLLERS:PATH` each. */
export function deepestCgroup(text: string): string | undefined {
  let deepest: string | undefined;
  for (const line of text.split('\n')) {
    const path = /^\d+:[^:]*:(\/.*)$/.exec(line)?.[1];
    if (path !== undefined && depthOf(path) > depthOf(deepest)) deepest = path;
  }
  return deepest;
}

function depthOf(path: string | undefined): number {
  return path === undefined ? -1 : path.split('/').filter((name) => name !== '').length;
}
