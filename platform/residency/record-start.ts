import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockBits } from '@lade/block-bits';
import type { ChunkTable } from '@lade/layers';

/** Chunks that are touched between two looks are told in the order of the blob. */
const LOOK_MS = 20;
/** Of the time for which nothing new was touched: looks become rare when it is quiet. */
const LOOK_SHARE = 0.1;
/** A start is over in any case when it has taken so long. */
const START_MS = 60_000;

/**
 * Follows the start of a container from its first read on, until nothing new was touched for `quietMs`; resolves to the chunks
 * that it touched, in that order as far as looks tell.
 */
export async function recordStart(
  { bits, table }: { readonly bits: BlockBits; readonly table: ChunkTable },
  quietMs: number,
  signal: AbortSignal,
): Promise<number[]> {
  const seen = new Set<number>();
  const beganAt = performance.now();
  let newAt = beganAt;
  for (;;) {
    const quiet = performance.now() - newAt;
    await sleep(Math.min(Math.max(LOOK_MS, quiet * LOOK_SHARE), quietMs), undefined, { signal, ref: false });
    const now = performance.now();
    const before = seen.size;
    for (let n = 0; n < table.count; n++)
      if (!seen.has(n) && bits.touched.hasAny(table.offsetOf(n), table.offsetOf(n + 1))) seen.add(n);
    if (seen.size > before) newAt = now;
    if (now - newAt > quietMs || now - beganAt > START_MS) return [...seen];
  }
}
