import type { Chunk, PackReference } from '@lade/layers';
import type { Digest } from '@lade/oci';

/** A chunk as a pack in the bucket has it. */
export interface Frame {
  readonly chunk: Pick<Chunk, 'hash' | 'rawBytes'>;
  readonly pack: Digest;
  readonly offset: number;
  readonly storedBytes: number;
}

/** Frames that lie side by side in one pack: one ranged read. */
export interface FrameRun<F extends Frame = Frame> {
  readonly pack: Digest;
  readonly offset: number;
  readonly storedBytes: number;
  readonly frames: readonly F[];
}

/** The frame of a chunk, if it is in a pack. */
export function frameOf(chunk: Chunk, packs: readonly PackReference[]): Frame | undefined {
  if (chunk.place.kind !== 'packed') return undefined;
  const { offset, storedBytes } = chunk.place;
  const pack = packs[chunk.place.pack];
  if (!pack) throw new RangeError(`an index names pack ${chunk.place.pack} of ${packs.length}`);
  return { chunk, pack: pack.digest, offset, storedBytes };
}

/** Joins neighbours in their packs into runs of at most `maxStoredBytes` (or one frame). */
export function joinFrames<F extends Frame>(frames: Iterable<F>, maxStoredBytes: number): FrameRun<F>[] {
  const runs: (FrameRun<F> & { storedBytes: number; frames: F[] })[] = [];
  const inOrder = [...frames].sort((a, b) => compare(a.pack, b.pack) || a.offset - b.offset);
  for (const frame of inOrder) {
    const { pack, offset, storedBytes } = frame;
    const last = runs.at(-1);
    const follows = last?.pack === pack && last.offset + last.storedBytes === offset;
    if (last && follows && last.storedBytes + storedBytes <= maxStoredBytes) {
      last.storedBytes += storedBytes;
      last.frames.push(frame);
    } else runs.push({ pack, offset, storedBytes, frames: [frame] });
  }
  return runs;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
