import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import koffi from 'koffi';
import { callNow, cString, declare } from './libc.ts';

const memfdCreate = declare('int memfd_create(const uint8_t *, unsigned int)');
const mmap = declare('intptr_t mmap(void *, size_t, int, int, int, int64_t)');
const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_LOCKED = 0x1 | 0x2000;

/** memfd_create(2): zeroed memory that lives for as long as some process has the descriptor. `name` is for /proc only. */
export function createSharedMemory(name: string, sizeBytes: number): number {
  const descriptor = callNow(memfdCreate, `Cannot create shared memory ${name}`, cString(name), MFD_CLOEXEC);
  try {
    ftruncateSync(descriptor, sizeBytes);
    return descriptor;
  } catch (reason) {
    closeSync(descriptor);
    throw reason;
  }
}

/**
 * mmap(2) of all of `descriptor`: what is written, also by read(2), is there for every process that maps it, however this
 * one ends. Locked into memory, because a page fault of a process that is being killed fails. Never unmapped.
 */
export function mapSharedMemory(descriptor: number): Buffer {
  const { size } = fstatSync(descriptor);
  const attempted = `Cannot map descriptor ${descriptor}`;
  const address = callNow(mmap, attempted, null, size, PROT_READ_WRITE, MAP_SHARED_LOCKED, descriptor, 0);
  return Buffer.from(koffi.view(BigInt(address), size));
}
