import { readFile, writeFile } from 'node:fs/promises';

export const MEGABYTE = 1_000_000;

/** Bytes in physical memory: now, and at most since the start or resetPeak(). */
export interface ProcessMemory {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

/** VmRSS and VmHWM of proc_pid_status(5): code and mapped files count too. */
export async function readMemory(pid: number): Promise<ProcessMemory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (kibibytes === undefined) throw new RangeError(`process ${pid} has no ${name}`);
    return Number(kibibytes) * 1024;
  };
  return { residentBytes: field('VmRSS'), peakBytes: field('VmHWM') };
}

/** Lets the peak begin at what is resident now: value 5 of /proc/<pid>/clear_refs. */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

export function inMegabytes(bytes: number): number {
  return Math.round(bytes / MEGABYTE);
}
