import { callNow, declare } from './libc.ts';

const clockGettime = declare('int clock_gettime(int, uint8_t *)');
const CLOCK_REALTIME = 0;
const NS_PER_S = 1_000_000_000n;

/**
 * Nanoseconds since 1970 as every other program on this machine reads them: never ahead of what one reads afterwards. What
 * Node itself tells finer than a millisecond does not follow a wall clock that is set or slewed.
 */
export function wallClockNs(): bigint {
  const timespec = Buffer.alloc(16);
  callNow(clockGettime, 'Cannot read the clock', CLOCK_REALTIME, timespec);
  return timespec.readBigInt64LE(0) * NS_PER_S + timespec.readBigInt64LE(8);
}
