import type { LayerFile } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { LayerReads } from '@lade/residency';

/** A file of a layer, as far as a container's processes have read it. */
export interface FileRead {
  readonly diffId: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the file, each counted once, in whole blocks of 4 KiB. */
  readonly bytes: number;
  readonly waits: number;
  readonly waitMs: number;
}

/** The files of one layer of which something was read, in the order of the blob; one with several names by the first that comes. */
export async function filesRead(
  reads: LayerReads,
  files: AsyncIterable<readonly LayerFile[]>,
): Promise<FileRead[]> {
  const { diffId, blocks, waitsAt } = reads;
  const read = new Map<number, FileRead>();
  for await (const batch of files)
    for (const { path, offset, sizeBytes } of batch) {
      const bytes = Math.min(blocks.count(offset, offset + sizeBytes), sizeBytes);
      if (bytes === 0 || read.has(offset)) continue;
      read.set(offset, { diffId, path, sizeBytes, bytes, waits: 0, waitMs: 0 });
    }
  const waits = [...waitsAt].sort(([a], [b]) => a - b);
  let next = 0;
  return [...read.entries()]
    .sort(([a], [b]) => a - b)
    .map(([offset, file]) => {
      // Before it there is nothing but what was read ahead of it.
      let [count, waitMs] = [0, 0];
      for (let wait = waits[next]; wait && wait[0] < offset + file.sizeBytes; wait = waits[++next]) {
        count += wait[1].waits;
        waitMs += wait[1].waitMs;
      }
      return { ...file, waits: count, waitMs };
    });
}

/** Those that were waited for longest, then those of which most was read. */
export function topFiles(files: readonly FileRead[], max: number): FileRead[] {
  return files.toSorted((a, b) => b.waitMs - a.waitMs || b.bytes - a.bytes).slice(0, max);
}
