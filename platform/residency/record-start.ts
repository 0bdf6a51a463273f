import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockBits } from '@lade/block-bits';
import type { ChunkTable } from '@lade/layers';

const LOOK_MS = 100;
/** A start is over when nothing new was touched for so long, … */
const QUIET_MS = 10_000;
/** … or when it has taken so long. */
const START_MS = 60_000;

/** Waits for the next start of a container; resolves to the chunks that it touched, in that order as far as looks tell. */
export async function recordStart(
  bits: BlockBits,
  table: ChunkTable,
  signal: AbortSignal,
): Promise<number[]> {
  const seen = new Set<number>();
  let [beganAt, newAt] = [Infinity, Infinity];
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal, ref: false });
    const now = performance.now();
    const before = seen.size;
    for (let n = 0; n < table.count; n++)
      if (!seen.has(n) && bits.touched.hasAny(table.offsetOf(n), table.offsetOf(n + 1))) seen.add(n);
    if (seen.size > before) newAt = now;
    beganAt = Math.min(beganAt, newAt);
    if (now - newAt > QUIET_MS || now - beganAt > START_MS) return [...seen];
  }
}
