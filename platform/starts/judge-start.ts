import type { Digest } from '@lade/oci';
import type { LayerReads, ReadBook, ReadFigures } from '@lade/residency';
import { layersReadElsewhere, layersReadIn, NO_READS, sumReads } from './container-reads.ts';
import type { StartFigures } from './start-table.ts';

/** A start that is under way. */
export interface BegunStart {
  readonly isFirst: boolean;
  /** When its snapshot was prepared, or its task made. */
  readonly begunAt: Date;
  readonly cgroup: string | undefined;
  readonly layers: ReadonlySet<Digest>;
  /** What its processes had read by then, of a container that was started before. */
  readonly before: ReadFigures;
}

/** What has come for a start so far. `names`: see layersReadElsewhere(). */
export function judgeStart(
  { isFirst, begunAt, cgroup, layers, before }: BegunStart,
  reads: ReadBook,
  names: ReadonlySet<string>,
): Omit<StartFigures, 'isOver'> {
  const own = readBy(reads, cgroup);
  const waits = own.waits - before.waits;
  const figures = {
    waits,
    waitMs: own.waitMs - before.waitMs,
    filledBytes: own.filledBytes - before.filledBytes,
  };
  if (isFirst) return { kind: 'first', ...figures };
  const since = begunAt.getTime();
  const hasWaited = ({ diffId, waitedAt }: LayerReads): boolean => layers.has(diffId) && waitedAt >= since;
  const came =
    waits > 0 ||
    [...layers].some((diffId) => reads.broughtAt(diffId) >= since) ||
    layersReadElsewhere(reads, names).some(hasWaited);
  return { kind: came ? 'cold' : 'warm', ...figures };
}

export function readBy(reads: ReadBook, cgroup: string | undefined): ReadFigures {
  return cgroup === undefined ? NO_READS : sumReads(layersReadIn(reads, cgroup));
}
