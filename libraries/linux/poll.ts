import { writeSync, readSync } from 'node:fs';
import { callNow, declare } from './libc.ts';

const pollCall = declare('int poll(_Inout_ uint8_t *, unsigned long, int)');
const eventfd = declare('int eventfd(unsigned int, int)');
const POLLFD_BYTES = 8;
const POLLIN = 1;
const FOREVER = -1;
const EFD_CLOEXEC = 0o2_000_000;
const ONE = Buffer.from(BigUint64Array.of(1n).buffer);

/** `failed`: reading tells how. */
export type Readiness = 'idle' | 'readable' | 'failed';

/** poll(2): blocks this thread until one of the descriptors is not idle, or, with `timeoutMs`, at most that long. */
export function waitReadable(descriptors: readonly number[], timeoutMs = FOREVER): readonly Readiness[] {
  const entries = Buffer.alloc(descriptors.length * POLLFD_BYTES);
  descriptors.forEach((descriptor, index) => {
    entries.writeInt32LE(descriptor, index * POLLFD_BYTES);
    entries.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4);
  });
  callNow(pollCall, 'Cannot wait for descriptors', entries, descriptors.length, timeoutMs);
  return descriptors.map((_, index) => toReadiness(entries.readInt16LE(index * POLLFD_BYTES + 6)));
}

function toReadiness(events: number): Readiness {
  if (events === 0) return 'idle';
  return (events & POLLIN) === 0 ? 'failed' : 'readable';
}

/** eventfd(2): a descriptor that another thread's `signalEvent` makes readable, until `clearEvent`. */
export function createEvent(): number {
  return callNow(eventfd, 'Cannot create an event descriptor', 0, EFD_CLOEXEC);
}

export function signalEvent(event: number): void {
  writeSync(event, ONE);
}

/** Waits when nothing was signalled. */
export function clearEvent(event: number): void {
  readSync(event, Buffer.alloc(8));
}
