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

/** The files of one layer of which something was read, in the order of the blob. */
export function filesRead(reads: LayerReads, files: readonly LayerFile[]): FileRead[] {
  const { diffId, blocks, waitsAt } = reads;
  const waits = [...waitsAt].sort(([a], [b]) => a - b);
  let next = 0;
  return files.flatMap(({ path, offset, sizeBytes }) => {
    const end = offset + sizeBytes;
    let file: FileRead = { diffId, path, sizeBytes, bytes: blocks.count(offset, end), waits: 0, waitMs: 0 };
    for (let wait = waits[next]; wait && wait[0] < end; wait = waits[++next]) {
      // Before the file there is nothing but what was read ahead of it.
      file = { ...file, waits: file.waits + wait[1].waits, waitMs: file.waitMs + wait[1].waitMs };
    }
    return file.bytes > 0 || file.waits > 0 ? [{ ...file, bytes: Math.min(file.bytes, sizeBytes) }] : [];
  });
}

/** Those that were waited for longest, then those of which most was read. */
export function topFiles(files: readonly FileRead[], max: number): FileRead[] {
  return files.toSorted((a, b) => b.waitMs - a.waitMs || b.bytes - a.bytes).slice(0, max);
}
