import type { Digest } from '@lade/oci';
import type { LayerReads, ReadBook, ReadFigures } from '@lade/residency';

/** What a container's processes have read of its layers, and what nobody can be told to have read. */
export interface ContainerReads extends ReadFigures {
  /** By processes of no container, in layers that only this one uses; undefined: nothing. */
  readonly unattributed?: ReadFigures;
}

export const NO_READS: ReadFigures = { requests: 0, bytes: 0, waits: 0, waitMs: 0, filledBytes: 0 };

/** Whether a control group is a container's, or below it. `cgroup` may be the end of the container's path. */
export function isIn(reader: string, cgroup: string): boolean {
  return `${reader}/`.includes(`/${cgroup.replace(/^\/+/, '')}/`);
}

/** Layer by layer, what the processes of a container have read. */
export function layersReadIn(reads: ReadBook, cgroup: string): readonly LayerReads[] {
  return reads.entries().flatMap(([reader, layers]) => (isIn(reader, cgroup) ? layers : []));
}

/** By which a container's control group is known among all paths: its last part. */
export function groupName(cgroup: string): string {
  return cgroup.slice(cgroup.lastIndexOf('/') + 1);
}

/** Layer by layer, what was read by processes in none of the control groups with these names. */
export function layersReadElsewhere(reads: ReadBook, names: ReadonlySet<string>): readonly LayerReads[] {
  return reads
    .entries()
    .flatMap(([reader, layers]) => (reader.split('/').some((name) => names.has(name)) ? [] : layers));
}

export function sumReads(layers: readonly ReadFigures[]): ReadFigures {
  return layers.reduce<ReadFigures>(
    (sum, each) => ({
      requests: sum.requests + each.requests,
      bytes: sum.bytes + each.bytes,
      waits: sum.waits + each.waits,
      waitMs: sum.waitMs + each.waitMs,
      filledBytes: sum.filledBytes + each.filledBytes,
    }),
    NO_READS,
  );
}

/** `others`: what layersReadElsewhere() gives for all containers. `own`: the layers that only this one uses. */
export function readsOf(
  reads: ReadBook,
  cgroup: string,
  others: readonly LayerReads[],
  own: ReadonlySet<Digest>,
): ContainerReads {
  const unattributed = sumReads(others.filter(({ diffId }) => own.has(diffId)));
  return {
    ...sumReads(layersReadIn(reads, cgroup)),
    ...(unattributed.requests === 0 ? {} : { unattributed }),
  };
}
