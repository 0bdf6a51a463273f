/** Nanoseconds since 1970, right to some microseconds: clients compare these times with clocks of their own. */
export function nowNs(): bigint {
  const earliest = Date.now();
  const precise = performance.timeOrigin + performance.now();
  const latest = Date.now() + 1;
  // The precise clock does not follow when the wall clock is set; Date.now() does and bounds it.
  const milliseconds = Math.min(Math.max(precise, earliest), latest);
  return BigInt(Math.round(milliseconds * 1e3)) * 1_000n;
}
