import { setTimeout as sleep } from 'node:timers/promises';
import { BLOCK_BYTES } from '@lade/block-bits';
import { ChunkTable } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { SeenBlob } from './fill-mode.ts';
import type { LocalLayers } from './local-layers.ts';
import { chunksOf, residentChunks } from './resident-chunks.ts';

const PACE_MS = 100;
/** Looking takes at most one part of so many. */
const SPARE_SHARE = 20;

/** What happened to a layer since the last look. */
export type LayerActivity =
  /** Chunks, by number, that are here now, or no longer; first of all those that are here already. */
  | { readonly kind: 'resident'; readonly chunks: readonly number[] }
  | { readonly kind: 'evicted'; readonly chunks: readonly number[] }
  /** Chunks of which something was read that nobody had read before, as far as is known. */
  | { readonly kind: 'touched'; readonly chunks: readonly number[] }
  | { readonly kind: 'waited'; readonly waits: number; readonly waitMs: number }
  /** Whether reads are seen from now on: not where the kernel has the whole blob, or the layer is not mounted. */
  | { readonly kind: 'reads'; readonly seen: boolean };

/** Throws `not_found`; later too, when the layer is removed from this node. Costs something only while somebody takes from it. */
export async function* followLayer(
  layers: LocalLayers,
  diffId: Digest,
  { signal, paceMs = PACE_MS }: { readonly signal: AbortSignal; readonly paceMs?: number },
): AsyncGenerator<LayerActivity> {
  const layer = await layers.inspect(diffId);
  const table = ChunkTable.of(await layer.readIndex());
  const here = await residentChunks(layer, table);
  let before: Look = { ...NOTHING_SEEN, resident: new Uint8Array(here.byteLength) };
  yield { kind: 'resident', chunks: newChunks(here, before.resident) };
  before = { ...before, resident: here };
  for (;;) {
    const started = performance.now();
    const { served } = await layers.inspect(diffId);
    const now = served ? look(served, table) : { ...before, isSeen: false };
    yield* difference(before, now, table);
    before = now;
    const spent = performance.now() - started;
    await sleep(Math.max(paceMs, spent * SPARE_SHARE), undefined, { signal });
  }
}

interface Look {
  readonly resident: Uint8Array;
  readonly touched: Uint8Array;
  readonly waits: number;
  readonly waitMs: number;
  readonly isSeen: boolean | undefined;
}

const NOTHING_SEEN = { touched: new Uint8Array(), waits: 0, waitMs: 0, isSeen: undefined };

function look(served: SeenBlob, table: ChunkTable): Look {
  const { bits, waited, isSilent } = served;
  return {
    resident: chunksOf(served, table),
    touched: bits.touched.copy(),
    ...waited,
    isSeen: !isSilent,
  };
}

function* difference(before: Look, now: Look, table: ChunkTable): Generator<LayerActivity> {
  if (now.isSeen !== undefined && now.isSeen !== before.isSeen) yield { kind: 'reads', seen: now.isSeen };
  const touched = new Set<number>();
  for (const block of newBits(now.touched, before.touched)) touched.add(table.numberAt(block * BLOCK_BYTES));
  if (touched.size > 0) yield { kind: 'touched', chunks: [...touched] };
  const arrived = newChunks(now.resident, before.resident);
  if (arrived.length > 0) yield { kind: 'resident', chunks: arrived };
  const evicted = newChunks(before.resident, now.resident);
  if (evicted.length > 0) yield { kind: 'evicted', chunks: evicted };
  if (now.waits > before.waits)
    yield { kind: 'waited', waits: now.waits - before.waits, waitMs: now.waitMs - before.waitMs };
}

function newChunks(now: Uint8Array, before: Uint8Array): number[] {
  return [...newBits(now, before)];
}

/** Numbers of the bits that are set in `now` and not in `before`. */
function* newBits(now: Uint8Array, before: Uint8Array): Generator<number> {
  for (let at = 0; at < now.byteLength; at++) {
    const fresh = (now[at] ?? 0) & ~(before[at] ?? 0);
    for (let bit = 0; fresh >> bit > 0; bit++) if (fresh & (1 << bit)) yield at * 8 + bit;
  }
}
